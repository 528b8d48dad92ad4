// Tiny language models, and token environments whose right answers are known.

import { TextEnv, type TextEpisode, type TextPrompt } from '../../src/env/text/index.ts';
import { characterTokenizer } from '../../src/lm/tokenizer-training.ts';
import { fromConfig } from '../../src/lm/pretrained.ts';
import type { CausalLM } from '../../src/lm/models/index.ts';
import { LMActorNetwork, LMCriticNetwork, TokenPolicy } from '../../src/rl/index.ts';

export const tokenizer = characterTokenizer('abcdefgh', { specialTokens: { padToken: '<pad>', eosToken: '<eos>' } });

/** A GPT-2 of two layers, with weights large enough that its probabilities are far from even. */
function tinyModel(seed: number, { scale = 4, spareRows = 0 } = {}): CausalLM {
  const config = {
    model_type: 'gpt2',
    vocab_size: tokenizer.vocabSize + spareRows,
    n_positions: 40,
    n_embd: 32,
    n_layer: 2,
    n_head: 4,
  };
  const model = fromConfig(config, { seed });
  for (const { storage } of model.parameters())
    storage.data.forEach((x, i) => (storage.data[i] = x === 1 ? 1 : scale * x));
  return model;
}

export interface TinyOptions {
  readonly seed?: number;
  readonly critic?: 'none' | 'own' | 'shared';
  readonly temperature?: number;
  readonly scale?: number;
  readonly spareRows?: number;
}

/** A policy of one trunk, or of a model each for actor and critic; their tables may have rows that are no tokens. */
export function tinyPolicy(options: TinyOptions = {}): TokenPolicy {
  const { seed = 1, critic = 'none', temperature = 1, scale = 4, spareRows = 0 } = options;
  const model = tinyModel(seed, { scale, spareRows });
  const other = critic === 'shared' ? model : tinyModel(seed + 1, { scale, spareRows });
  return new TokenPolicy({
    actor: new LMActorNetwork(model),
    critic: critic === 'none' ? undefined : new LMCriticNetwork(other, { seed: 3 }),
    temperature,
    numTokens: tokenizer.vocabSize,
    threads: 1,
  });
}

/** Prompts of 1 to 6 letters; up to `turns` turns of at most a few tokens, each ended by 'a' and answered with two or three letters. */
export class TalkEnv extends TextEnv<null> {
  readonly #turns: number;

  constructor({ turns = 3, maxGeneration = 9 } = {}) {
    super({ tokenizer, maxGeneration, stopStrings: ['a'] });
    this.#turns = turns;
  }

  protected override prompt(): TextPrompt<null> {
    const length = 1 + this.npRandom.integers(6);
    return { prompt: Array.from({ length }, () => 3 + this.npRandom.integers(8)), context: null };
  }

  protected override respond(turn: string, episode: TextEpisode<null>): string | null {
    const turns = 1 + episode.insertedTokens.filter((inserted, i, all) => inserted && !all[i - 1]).length;
    return turns < this.#turns ? (turn.length % 2 ? 'gh' : 'hgh') : null;
  }

  protected override reward(completion: string): number {
    return completion.length;
  }
}

/** 'a' wants 'b', 'c' wants 'd', 'e' wants 'f', as the first token; one token is all there is. */
export class AnswerEnv extends TextEnv<string> {
  constructor() {
    super({ tokenizer, maxGeneration: 1 });
  }

  protected override prompt(): TextPrompt<string> {
    const index = 2 * this.npRandom.integers(3);
    return { prompt: 'abcdef'[index]!, context: 'abcdef'[index + 1]! };
  }

  protected override reward(completion: string, { context }: TextEpisode<string>): number {
    return completion === context ? 1 : 0;
  }
}

/** Its prompts are 'a', 'ab', 'abc' and so on: each goes on from the one before. */
export class GrowingPromptEnv extends TextEnv<null> {
  #episode = 0;

  constructor() {
    super({ tokenizer, maxGeneration: 1 });
  }

  protected override prompt(): TextPrompt<null> {
    return { prompt: 'abcdefgh'.slice(0, ++this.#episode), context: null };
  }

  protected override reward(): number {
    return 0;
  }
}
