// The memory of PPO in RLHFEnv-v0 with policy, critic, reference and reward model of GPT-2 small's size, on texts so few and so short that
// the weights are most of it: four models, all of whose weights policy and critic train; four models, of which adapters are trained; and
// one set of weights, over which each of the four has adapters, or none. Beside TRL's experimental PPO trainer, with four models, and with
// a policy that has adapters, which is all that it can share.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  applyLora,
  type CausalLM,
  characterTokenizer,
  classifierFromCausalLM,
  fromPretrained,
  type LoraConfig,
  RewardModel,
  Tokenizer,
} from '../src/lm/index.ts';
import { LMActorNetwork, LMCriticNetwork } from '../src/rl/index.ts';
import { trainAgent } from '../src/trainer/index.ts';
import { type Benchmark, type Measurement, peakMemory } from './benchmark.ts';
import { loadModel, modelFolder, randomPrompts } from './language-model.ts';

const [TEXTS, PROMPT, TOKENS, ITERATIONS] = [4, 8, 24, 2];
const LORA: LoraConfig = { r: 8, alpha: 16, targetModules: 'all-linear' };

const WAYS = ['separate', 'separateAdapters', 'shared'] as const;
type Way = (typeof WAYS)[number];

/** The folder of a whole reward model, and of adapters over the policy's weights, with the policy's tokenizer. */
async function rewardFolders(): Promise<{ readonly whole: string; readonly adapters: string }> {
  const policy = await modelFolder('gpt2');
  const [whole, adapters] = [`${policy}-reward`, `${policy}-reward-adapters`];
  if (existsSync(adapters)) return { whole, adapters };
  const model = await loadModel('gpt2');
  // One character a token, so that there are as many as the model has rows.
  const characters = Array.from({ length: model.config.vocabSize - 2 }, (_, i) => String.fromCodePoint(0x10000 + i));
  const tokenizer = characterTokenizer(characters, { specialTokens: { padToken: '<pad>' } });
  await new RewardModel(classifierFromCausalLM(model, { numLabels: 1, seed: 5 }), tokenizer).savePretrained(whole);
  const adapted = classifierFromCausalLM(model, { numLabels: 1, seed: 5, shareWeights: true });
  applyLora(adapted, LORA, { seed: 5 });
  await new RewardModel(adapted, tokenizer).savePretrained(adapters);
  return { whole, adapters };
}

/** Policy, critic and reward model. The reference is the policy as it was: a copy, or the policy without its adapters. */
async function models(way: Way) {
  const { whole, adapters } = await rewardFolders();
  const policy = await fromPretrained(await modelFolder('gpt2'));
  if (way === 'shared') {
    const reward = await RewardModel.fromPretrained(adapters, { base: policy });
    applyLora(policy, LORA, { seed: 1 });
    return { policy, reward, critic: policy, refModel: 'adapters-off' };
  }
  const [critic, reward] = [await loadModel('gpt2'), whole];
  if (way === 'separate') return { policy, reward, critic, refModel: 'initial' };
  const refModel: CausalLM = await loadModel('gpt2');
  applyLora(policy, LORA, { seed: 1 });
  applyLora(critic, LORA, { seed: 2 });
  return { policy, reward, critic, refModel };
}

async function run(way: Way): Promise<void> {
  const { policy, critic, reward, refModel } = await models(way);
  const tokenizer = await Tokenizer.fromPretrained((await rewardFolders()).whole);
  await trainAgent({
    envName: 'RLHFEnv-v0',
    envOptions: {
      tokenizer,
      dataset: randomPrompts(policy, 100, PROMPT).map((query) => ({ query })),
      reward,
      refModel,
      maxGeneration: TOKENS,
    },
    actor: new LMActorNetwork(policy),
    critic: new LMCriticNetwork(critic, { seed: 1 }),
    ppoConfig: { lrActor: 1e-5, gamma: 1, updateEpochs: 4, minibatchSize: -1, entropyCoef: 0, rolloutSteps: 1 },
    numEnvs: TEXTS,
    updateInterval: TEXTS,
    maxEpisodes: TEXTS * ITERATIONS,
    runDirectory: null,
    savePath: join(await modelFolder('gpt2'), 'trained'),
    seed: 1,
  });
}

/** The peak of one way in a process of its own. */
function inOwnProcess(way: Way): number {
  const args = ['--import', 'tsx', join(import.meta.dirname, 'measure.ts'), 'rlhf-memory', way];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`rlhf-memory ${way} failed: ${stderr}`);
  return (JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as { peak: number }).peak;
}

export const benchmark: Benchmark = {
  metrics: [
    { key: 'separate', what: 'peak memory of PPO-RLHF with GPT-2 small, four models', unit: 'MB', better: 'lower' },
    { key: 'separateAdapters', what: 'the same, of which adapters are trained', unit: 'MB', better: 'lower' },
    { key: 'shared', what: 'the same, one set of weights (TRL: policy and reference)', unit: 'MB', better: 'lower' },
    {
      key: 'share',
      what: 'one set of weights, in four models',
      unit: '',
      better: 'lower',
      target: { kind: 'value', limit: 0.5 },
    },
  ],
  peers: [{ name: 'TRL', script: 'rlhf_memory.py' }],
  // Memory varies little.
  repeats: 1,
  async measure(): Promise<Measurement> {
    const way = process.argv[3] as Way | undefined;
    if (way !== undefined) {
      await run(way);
      return { peak: peakMemory() };
    }
    await rewardFolders();
    const [separate, separateAdapters, shared] = WAYS.map(inOwnProcess) as [number, number, number];
    return { separate, separateAdapters, shared, share: shared / separate };
  },
};
