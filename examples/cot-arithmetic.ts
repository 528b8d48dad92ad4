// A language model learns to reason, from nothing, in a few minutes on a laptop: it is taught the format of worked additions by
// example, until it is often wrong but never formless; then it improves by reinforcement learning, told only whether its
// answers are right. `npm run cot` (add `-- --algorithm grpo` for GRPO, `-- --quick` for a look).

import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  additionProblems,
  characterTokenizer,
  CoTEnv,
  defaultRng,
  EpisodeCollector,
  fromConfig,
  LMActorNetwork,
  LMCriticNetwork,
  TokenPolicy,
  trainAgent,
  trainSft,
} from 'gymformer';

const { values: flags } = parseArgs({
  options: {
    algorithm: { type: 'string', default: 'ppo' },
    seed: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
  },
});
const seed = Number(flags.seed);
const started = performance.now();
const clock = (): string => `${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s`;

// Problems and a tokenizer of their characters.
const problems = additionProblems({ digits: 3, count: 20_000, seed });
const tags = ['<think>', '</think>', '<final_answer>', '</final_answer>'];
const tokenizer = characterTokenizer('0123456789+=\n', {
  specialTokens: { padToken: '<pad>', eosToken: '<eos>', additional: tags },
});
const envOptions = {
  tokenizer,
  dataset: problems,
  testSplit: 0.05,
  promptFormat: 'plain',
  template: '{question}',
  fewShot: [],
  maxGeneration: 44,
  reward: 'exactMatch',
} as const;
const testEnv = (): CoTEnv => new CoTEnv({ ...envOptions, split: 'test' });

// A model of 0.8 million parameters.
const model = fromConfig(
  { model_type: 'gpt2', vocab_size: tokenizer.vocabSize, n_positions: 64, n_embd: 128, n_layer: 4, n_head: 4 },
  { seed },
);
const actor = new LMActorNetwork(model, { padTokenId: tokenizer.padTokenId ?? 0 });
const policy = new TokenPolicy({ actor });

/** The share of 512 problems never seen that are answered rightly, taking the likeliest token each time; and a few of them. */
async function evaluate(): Promise<{ accuracy: number; samples: string[] }> {
  const envs = Array.from({ length: 64 }, testEnv);
  const collector = new EpisodeCollector(envs, policy, { generator: defaultRng(0), seeds: defaultRng(0) });
  const { episodes } = await collector.collect({ episodes: 512, deterministic: true });
  const samples = episodes.slice(0, 3).map(({ info }) => {
    const { prompt, completion, correct } = info as { prompt: string; completion: string; correct: boolean };
    return `${correct ? 'right' : 'wrong'}  ${prompt}${completion.replaceAll('\n', ' ')}`;
  });
  return { accuracy: episodes.filter(({ info }) => info['correct']).length / episodes.length, samples };
}

console.log('1. Learning the format from worked examples');
const train = new CoTEnv({ ...envOptions, split: 'train' }).problems.slice(0, 2000);
mkdirSync('runs', { recursive: true });
const runs = mkdtempSync('runs/cot-arithmetic-');
await trainSft({
  model,
  tokenizer,
  dataset: train.map(({ question, solution }) => ({ prompt: question, completion: solution! })),
  maxSteps: flags.quick ? 20 : 270,
  batchSize: 64,
  learningRate: 1e-3,
  lrSchedule: 'constant',
  warmupSteps: 20,
  seed,
  runDirectory: join(runs, 'sft'),
  callbacks: {
    onStep: ({ steps, totalSteps, loss }) => {
      if (steps % 50 === 0) console.log(`${clock()}  step ${steps} of ${totalSteps}, loss ${loss!.toFixed(3)}`);
    },
  },
});
const before = await evaluate();
console.log(`${clock()}  held-out answers right: ${(100 * before.accuracy).toFixed(1)} %`);

console.log(`2. Reinforcement learning in CoTEnv-v0 by ${flags.algorithm.toUpperCase()}`);
const updates = flags.quick ? 2 : 70;
const { checkpoint } = await trainAgent({
  envName: 'CoTEnv-v0',
  envOptions,
  actor,
  ...(flags.algorithm === 'ppo'
    ? {
        critic: new LMCriticNetwork(model, { seed }),
        ppoConfig: {
          lrActor: 1e-4,
          lrSchedule: 'linear',
          gamma: 1,
          updateEpochs: 2,
          entropyCoef: 0,
          valueCoef: 0.1,
          maxGradNorm: 1,
        },
      }
    : { algorithm: { name: 'grpo' as const, learningRate: 2e-4, updateEpochs: 1, minibatchSize: 64 } }),
  numEnvs: 64,
  updateInterval: 256,
  maxEpisodes: 256 * updates,
  seed,
  runDirectory: join(runs, flags.algorithm),
  callbacks: {
    onUpdateEnd: ({ updates: done }, { accuracy }) => {
      if (done % 5 === 0)
        console.log(
          `${clock()}  update ${done} of ${updates}, sampled answers right: ${(100 * accuracy!).toFixed(0)} %`,
        );
    },
  },
});
const after = await evaluate();

console.log(
  `\n3. Before and after, on 512 problems never seen\n\n   right before: ${(100 * before.accuracy).toFixed(1)} %`,
);
console.log(before.samples.map((sample) => `     ${sample}`).join('\n'));
console.log(`   right after:  ${(100 * after.accuracy).toFixed(1)} %`);
console.log(after.samples.map((sample) => `     ${sample}`).join('\n'));
console.log(`\n${clock()}  model folder: ${checkpoint}`);
