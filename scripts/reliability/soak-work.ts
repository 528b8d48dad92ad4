// One soaked work, as a program: `soak-work.ts <name> <minutes> <folder>`. It trains until it has had so many minutes
// of a processor, and writes a line of memory every few seconds of them to `<folder>/<name>.jsonl`.

import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { additionProblems, sceneSentences } from '../../src/env/text/index.ts';
import {
  type CausalLM,
  characterTokenizer,
  classifierFromConfig,
  fromConfig,
  RewardModel,
  type Tokenizer,
  trainByteLevelTokenizer,
} from '../../src/lm/index.ts';
import { LMActorNetwork, LMCriticNetwork, MLPActorNetwork, MLPCriticNetwork } from '../../src/rl/index.ts';
import { trainAgent } from '../../src/trainer/index.ts';

/** Seconds of a processor between two samples. */
const EVERY = 5;

/** What all works are told. */
interface Soaked {
  readonly runDirectory: string;
  readonly signal: AbortSignal;
  readonly callbacks: { onUpdateEnd(): void };
}

const network = { model_type: 'gpt2', n_positions: 64, n_embd: 64, n_layer: 2, n_head: 2 };
const languageModel = (tokenizer: Tokenizer): CausalLM =>
  fromConfig(
    {
      ...network,
      vocab_size: tokenizer.vocabSize,
      eos_token_id: tokenizer.eosTokenId,
      pad_token_id: tokenizer.padTokenId,
    },
    { seed: 1 },
  );
const writer = (model: CausalLM, { padTokenId }: Tokenizer) => ({
  actor: new LMActorNetwork(model, { padTokenId }),
  critic: new LMCriticNetwork(model, { seed: 2 }),
});
const forever = { maxEpisodes: 1e9, seed: 1 } as const;
const texts = { ...forever, numEnvs: 32, updateInterval: 128, saveInterval: 1280 } as const;

const WORKS = {
  /** As recipes/cartpole.yaml, which solves it in a minute and here goes on. */
  cartpole: (soaked: Soaked) =>
    trainAgent({
      envName: 'CartPole-v1',
      actor: new MLPActorNetwork(4, 64, 2, { hiddenLayers: 2, seed: 1 }),
      critic: new MLPCriticNetwork(4, 64, { hiddenLayers: 2, seed: 2 }),
      numEnvs: 8,
      totalSteps: 1e12,
      saveInterval: 200,
      seed: 1,
      ppoConfig: { lrActor: 3e-4, rolloutSteps: 32, minibatchSize: 256, updateEpochs: 20, gamma: 0.98, gaeLambda: 0.8 },
      ...soaked,
    }),
  cot: (soaked: Soaked) => {
    const tokenizer = characterTokenizer('0123456789+=\n', {
      specialTokens: {
        padToken: '<pad>',
        eosToken: '<eos>',
        additional: ['<think>', '</think>', '<final_answer>', '</final_answer>'],
      },
    });
    return trainAgent({
      envName: 'CoTEnv-v0',
      envOptions: {
        tokenizer,
        dataset: additionProblems({ digits: 3, count: 20_000, seed: 1 }),
        promptFormat: 'plain',
        template: '{question}',
        systemMessage: '',
        fewShot: [],
        maxGeneration: 44,
        reward: 'exactMatch',
      },
      ...writer(languageModel(tokenizer), tokenizer),
      algorithm: { name: 'ppo', lrActor: 1e-4, gamma: 1, gaeLambda: 1, updateEpochs: 2 },
      ...texts,
      ...soaked,
    });
  },
  rlhf: (soaked: Soaked) => {
    const sentences = sceneSentences({ count: 4000, seed: 1 });
    const tokenizer = trainByteLevelTokenizer(sentences, {
      vocabSize: 512,
      specialTokens: { eosToken: '<eos>', padToken: '<pad>' },
    });
    const model = languageModel(tokenizer);
    // What a fresh model writes has more tokens when it is read again.
    const config = { ...network, n_positions: 192, num_labels: 1, pad_token_id: tokenizer.padTokenId };
    const judge = classifierFromConfig({ ...config, vocab_size: tokenizer.vocabSize }, { seed: 5 });
    const reward = new RewardModel(judge, tokenizer);
    return trainAgent({
      envName: 'RLHFEnv-v0',
      envOptions: {
        tokenizer,
        dataset: sentences.map((text) => text.split(' ').slice(0, 2).join(' ')),
        reward,
        maxGeneration: 32,
        klCoef: { initial: 0.2, target: 4, horizon: 10_000 },
      },
      ...writer(model, tokenizer),
      algorithm: { name: 'ppo', lrActor: 1e-5, gamma: 1, gaeLambda: 0.95, updateEpochs: 2, minibatchSize: 64 },
      ...texts,
      ...soaked,
    });
  },
} as const;

/** What can be soaked. */
export const WORK_NAMES = Object.keys(WORKS) as (keyof typeof WORKS)[];

function resident(): number {
  if (process.platform !== 'linux') return process.memoryUsage.rss();
  return 1024 * Number(/RssAnon:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}

/** A line of what the process takes; memory in bytes. */
export interface MemorySample {
  readonly seconds: number;
  /** Of the processor, by the process so far. */
  readonly cpuSeconds: number;
  readonly updates: number;
  /** Resident, without what is a copy of files, such as programs: of that the system keeps what it likes. */
  readonly resident: number;
  readonly heapUsed: number;
  readonly external: number;
}

async function soak(name: keyof typeof WORKS, minutes: number, folder: string): Promise<void> {
  const runDirectory = join(folder, `${name}-run`);
  rmSync(runDirectory, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.jsonl`);
  rmSync(file, { force: true });
  const enough = new AbortController();
  const began = performance.now();
  let [updates, next] = [0, 0];
  const onUpdateEnd = (): void => {
    updates++;
    const { user, system } = process.cpuUsage();
    const cpuSeconds = (user + system) / 1e6;
    if (cpuSeconds >= 60 * minutes) enough.abort();
    if (cpuSeconds < next) return;
    next = cpuSeconds + EVERY;
    const seconds = (performance.now() - began) / 1000;
    const { heapUsed, external } = process.memoryUsage();
    const sample: MemorySample = { seconds, cpuSeconds, updates, resident: resident(), heapUsed, external };
    appendFileSync(file, `${JSON.stringify(sample)}\n`);
  };
  await WORKS[name]({ runDirectory, signal: enough.signal, callbacks: { onUpdateEnd } });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , name, minutes, folder] = process.argv;
  await soak(name as keyof typeof WORKS, Number(minutes), folder!);
}
