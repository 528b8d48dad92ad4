// One iteration of GRPO on a small GPT-2: episodes of 8 + 48 tokens in groups of 8 from one prompt, judged by a function of the text, and
// one pass of learning over them. 8 episodes an iteration are TRL's defaults; of 64 the most time goes into the arithmetic of learning,
// which no side can leave out. bench/peers/lm_grpo.py is the same by TRL's GRPOTrainer, on the same model folder.

import { TextEnv, type TextPrompt } from '../src/env/text/index.ts';
import { characterTokenizer, type Tokenizer } from '../src/lm/index.ts';
import { defaultRng } from '../src/random/index.ts';
import { EpisodeCollector, GRPO, LMActorNetwork, TokenPolicy } from '../src/rl/index.ts';
import { type Benchmark, peakMemory } from './benchmark.ts';
import { loadModel, median, modelFolder, randomPrompts } from './language-model.ts';

const [GROUP, PROMPT, TOKENS] = [8, 8, 48];
const [WARMUP, ITERATIONS] = [3, 20];

/** Goes on from a random prompt for as many tokens as there may be; many different ones are wanted. */
class Variety extends TextEnv<null> {
  readonly #prompts: readonly (readonly number[])[];

  constructor(tokenizer: Tokenizer, prompts: readonly (readonly number[])[]) {
    super({ tokenizer, maxGeneration: TOKENS, endTokens: [] });
    this.#prompts = prompts;
  }

  protected prompt(options: Readonly<Record<string, unknown>>): TextPrompt<null> {
    return { prompt: this.#prompts[this.exampleIndex(this.#prompts.length, options)]!, context: null };
  }

  protected reward(completion: string): number {
    return new Set(completion).size / TOKENS;
  }
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'seconds8',
      what: 'one GRPO iteration, small, 8 episodes of 8 + 48 tokens',
      unit: 's',
      better: 'lower',
      target: { kind: 'ratio', limit: 5 },
    },
    { key: 'seconds64', what: 'the same with 64 episodes', unit: 's', better: 'lower' },
    { key: 'rollout64', what: 'of it the rollout', unit: 's', better: 'lower' },
    { key: 'peakMemory', what: 'GRPO, peak memory', unit: 'MB', better: 'lower' },
  ],
  peers: [{ name: 'TRL', script: 'lm_grpo.py' }],
  async measure() {
    const model = await loadModel('small');
    // A character for each token but the special ones (<eos>, <unk>, <pad>); the peer reads this tokenizer.json.
    const characters = Array.from({ length: 253 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('');
    const tokenizer = characterTokenizer(characters, { specialTokens: { padToken: '<pad>', eosToken: '<eos>' } });
    await tokenizer.save(await modelFolder('small'));
    const prompts = randomPrompts(model, 1000, PROMPT);
    const policy = new TokenPolicy({ actor: new LMActorNetwork(model) });

    const iterate = async (episodes: number): Promise<{ seconds: number; rollout: number }> => {
      const envs = Array.from({ length: episodes }, () => new Variety(tokenizer, prompts));
      const collector = new EpisodeCollector(envs, policy, { generator: defaultRng(0), seeds: defaultRng(1) });
      const grpo = new GRPO(policy, { learningRate: 1e-4 }, { generator: defaultRng(2) });
      const seconds: number[] = [];
      const rollouts: number[] = [];
      for (let i = 0; i < WARMUP + ITERATIONS; i++) {
        const started = performance.now();
        const rollout = await collector.collect({ episodes, groupSize: GROUP });
        rollouts.push((performance.now() - started) / 1000);
        await grpo.update(rollout);
        seconds.push((performance.now() - started) / 1000);
        if (rollout.rows !== episodes * TOKENS) throw new Error(`${rollout.rows} tokens were written`);
      }
      return { seconds: median(seconds.slice(WARMUP)), rollout: median(rollouts.slice(WARMUP)) };
    };
    const few = await iterate(8);
    const many = await iterate(64);
    return {
      seconds8: few.seconds,
      seconds64: many.seconds,
      rollout8: few.rollout,
      rollout64: many.rollout,
      peakMemory: peakMemory(),
    };
  },
};
