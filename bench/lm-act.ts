// The same tokens through the Gymnasium interface instead of `generate`: SyncVectorEnv.step with a policy's act, 32 text environments of
// a small GPT-2, episodes of 8 + 48 tokens. In one process, in turn, since it is ours beside ours.

import { SyncVectorEnv } from '../src/env/index.ts';
import { TextEnv, type TextPrompt } from '../src/env/text/index.ts';
import { characterTokenizer, generate } from '../src/lm/index.ts';
import { defaultRng } from '../src/random/index.ts';
import { LMActorNetwork, TokenPolicy } from '../src/rl/index.ts';
import type { Benchmark } from './benchmark.ts';
import { loadModel, median, randomPrompts } from './language-model.ts';

const [ENVS, PROMPT, TOKENS, REPEATS] = [32, 8, 48, 25];

/** Goes on from a given prompt until its tokens are used up. */
class Continuation extends TextEnv<null> {
  readonly #prompt: readonly number[];

  constructor(prompt: readonly number[]) {
    // As many characters as the model has tokens.
    const characters = Array.from({ length: 256 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('');
    super({ tokenizer: characterTokenizer(characters), maxGeneration: TOKENS, endTokens: [] });
    this.#prompt = prompt;
  }

  protected prompt(): TextPrompt<null> {
    return { prompt: this.#prompt, context: null };
  }

  protected reward(): number {
    return 0;
  }
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'share',
      what: 'tokens/s by SyncVectorEnv.step and act, of those by generate',
      unit: '',
      better: 'higher',
      target: { kind: 'value', limit: 0.9 },
    },
    { key: 'act', what: 'small sampling by SyncVectorEnv.step and act', unit: 'tokens/s', better: 'higher' },
    { key: 'generate', what: 'small sampling by generate', unit: 'tokens/s', better: 'higher' },
  ],
  peers: [],
  async measure() {
    const model = await loadModel('small');
    const prompts = randomPrompts(model, ENVS, PROMPT);
    const decoder = model.decoder({ batch: ENVS, maxLength: PROMPT + TOKENS });
    const env = new SyncVectorEnv(prompts.map((prompt) => () => new Continuation(prompt)));
    const slots = new TokenPolicy({ actor: new LMActorNetwork(model) }).slots(ENVS, PROMPT + TOKENS);
    const generator = defaultRng(0);
    const actions = new Int32Array(ENVS);
    const logProbs = new Float32Array(ENVS);

    const act = async (): Promise<void> => {
      slots.reset();
      let [observations] = await env.reset({ seed: 0 });
      for (let t = 0; t < TOKENS; t++) {
        slots.act(observations as unknown as readonly Int32Array[], actions, logProbs, generator);
        const [next, , , truncated] = await env.step(actions);
        observations = next;
        if (t === TOKENS - 1 && !truncated.every(Boolean)) throw new Error('an episode has not ended');
      }
    };
    const seconds = { act: [] as number[], generate: [] as number[] };
    for (let i = 0; i <= REPEATS; i++) {
      const started = performance.now();
      await generate(model, prompts, { maxNewTokens: TOKENS, stopTokenIds: [], seed: i, decoder });
      const between = performance.now();
      await act();
      seconds.generate.push((between - started) / 1000);
      seconds.act.push((performance.now() - between) / 1000);
    }
    const rate = (times: readonly number[]): number => (ENVS * TOKENS) / median(times.slice(5));
    const [byAct, byGenerate] = [rate(seconds.act), rate(seconds.generate)];
    return { share: byAct / byGenerate, act: byAct, generate: byGenerate };
  },
};
