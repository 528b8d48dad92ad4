// What the benchmarks of learning from preferences share: texts whose lengths differ as people's do, the models that learn from them, and
// how steps are timed. bench/peers/preferences.py reads what is written here.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { characterTokenizer, classifierFromConfig, fromConfig, RewardModel, savePretrained } from '../src/lm/index.ts';
import { defaultRng, type Generator } from '../src/random/index.ts';
import type { ExampleCallbacks } from '../src/trainer/index.ts';
import { sharedFolder, SIZES } from './language-model.ts';

/** Prompts. Of the two passes over them that a run makes, the second is timed: by then every program is compiled. */
export const ROWS = 512;
export const EPOCHS = 2;
/** The median of the tokens of prompts and of answers, the deviation of its logarithm, and the most. */
const LENGTHS = { median: 32, spread: 0.6, most: 96 };

/** The small model of the other benchmarks, with room for longer texts. */
const CONFIG = { ...SIZES.small, n_positions: 2 * LENGTHS.most + 1, resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 };

/** A token each, besides the special ones. */
const CHARACTERS = Array.from({ length: 253 }, (_, i) => String.fromCodePoint(0x4e00 + i));
const END = '<eos>';
export const tokenizer = characterTokenizer(CHARACTERS.join(''), {
  specialTokens: { padToken: '<pad>', eosToken: END },
});

/** A prompt and answers to it. */
interface Answered {
  readonly prompt: string;
  readonly answers: readonly string[];
}

/** The same texts at every call. */
function answered(count: number): Answered[] {
  const generator = defaultRng(1);
  return Array.from({ length: ROWS }, () => ({
    prompt: text(generator),
    answers: Array.from({ length: count }, () => text(generator) + END),
  }));
}

function text(generator: Generator): string {
  const { median, spread, most } = LENGTHS;
  const length = Math.round(median * Math.exp(spread * generator.standardNormal()));
  const tokens = generator.integers(0, CHARACTERS.length, { size: Math.min(Math.max(length, 2), most) });
  return Array.from(tokens, (token) => CHARACTERS[Number(token)]).join('');
}

/** Two answers to each prompt. */
export function pairs(): { prompt: string; chosen: string; rejected: string }[] {
  return answered(2).map(({ prompt, answers }) => ({ prompt, chosen: answers[0]!, rejected: answers[1]! }));
}

/** Two texts that have nothing in common: each with a prompt of its own. */
export function strangers(): { chosen: string; rejected: string }[] {
  const generator = defaultRng(2);
  return pairs().map(({ prompt, chosen, rejected }) => ({
    chosen: prompt + chosen,
    rejected: text(generator) + rejected,
  }));
}

/** Four answers to each prompt. */
export function fours(): { prompt: string; samples: readonly string[]; best: number }[] {
  return answered(4).map(({ prompt, answers }, i) => ({ prompt, samples: answers, best: i % 4 }));
}

/** Writes texts and models for the peers. */
export async function writePreferences(): Promise<{ policy: string; reward: string }> {
  const base = sharedFolder();
  const [policy, reward] = [join(base, 'preference-policy'), join(base, 'preference-reward')];
  await savePretrained(fromConfig(CONFIG, { seed: 0 }), policy, { tokenizer });
  const classifier = classifierFromConfig({ ...CONFIG, pad_token_id: tokenizer.padTokenId }, { numLabels: 1, seed: 0 });
  await new RewardModel(classifier, tokenizer).savePretrained(reward);
  writeFileSync(join(base, 'preferences.json'), JSON.stringify({ pairs: pairs(), strangers: strangers() }));
  return { policy, reward };
}

/** Notes when steps end. */
export class Clock implements ExampleCallbacks {
  readonly #started = performance.now();
  readonly #ends: number[] = [];

  onStep(): void {
    this.#ends.push(performance.now());
  }

  /** Prompts a second in the last pass. */
  rate(): number {
    const last = this.#ends.length / EPOCHS;
    return (1000 * ROWS) / (this.#ends.at(-1)! - this.#ends.at(-1 - last)!);
  }

  /** Seconds from the beginning to the last step's end. */
  total(): number {
    return (this.#ends.at(-1)! - this.#started) / 1000;
  }
}
