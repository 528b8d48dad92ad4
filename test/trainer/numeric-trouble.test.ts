// Bad numbers in the middle of updates: what is saved then, and that runs go on from there as those that were never broken off.

import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Env, make, type ResetOptions, type ResetResult, type StepResult, Wrapper } from '../../src/env/index.ts';
import { Optimizer } from '../../src/nn/index.ts';
import { MLPActorNetwork } from '../../src/rl/index.ts';
import type { MetricsRow } from '../../src/tracking/index.ts';
import { trainAgent, type TrainCriticFreeOptions, TrainingDivergedError } from '../../src/trainer/index.ts';
import { Snapshot } from '../../src/trainer/snapshot.ts';
import { temporaryDirectory, tinyRun } from './tiny-run.ts';
import { tinyText } from './tiny-text.ts';

const root = temporaryDirectory();
let folders = 0;
const fresh = (): string => join(root, String(folders++));
afterEach(() => void vi.restoreAllMocks());

/** Metrics but for what the clock says. */
const timeless = (rows: readonly MetricsRow[]): MetricsRow[] =>
  rows.map(({ seconds: _seconds, stepsPerSecond: _rate, memory: _memory, ...rest }) => rest);

async function divergenceOf(run: Promise<unknown>): Promise<TrainingDivergedError> {
  const error = await run.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TrainingDivergedError);
  return error as TrainingDivergedError;
}

/** Lets the gradients of an optimizer's step be infinite. */
function spoilStep(count: number): void {
  const step = Optimizer.prototype.step;
  let taken = 0;
  vi.spyOn(Optimizer.prototype, 'step').mockImplementation(function (this: Optimizer, options) {
    return ++taken === count ? { gradNorm: Number.POSITIVE_INFINITY } : step.call(this, options);
  });
}

const grpo = (more: Partial<TrainCriticFreeOptions> = {}) =>
  trainAgent({
    envName: 'CartPole-v1',
    actor: new MLPActorNetwork(4, 8, 2, { seed: 1 }),
    algorithm: { name: 'grpo', updateEpochs: 4 },
    numEnvs: 4,
    groupSize: 4,
    updateInterval: 8,
    maxEpisodes: 32,
    seed: 1,
    savePath: fresh(),
    runDirectory: null,
    ...more,
  });

/** Four optimizer steps an update, four updates. */
const runs = {
  ppo: (more: object) =>
    tinyRun(fresh(), {
      totalSteps: 460,
      ppoConfig: { rolloutSteps: 64, minibatchSize: 32, updateEpochs: 1 },
      normalizeObservation: true,
      ...more,
    }),
  grpo,
  reinforce: (more: object) => grpo({ algorithm: { name: 'reinforce', updateEpochs: 4 }, ...more }),
  'PPO of a language model': (more: object) =>
    tinyText(fresh(), { algorithm: { name: 'ppo', lrActor: 1e-3, updateEpochs: 2, minibatchSize: 4 }, ...more }),
};

describe.each(Object.keys(runs) as (keyof typeof runs)[])('%s that diverges in the middle of an update', (name) => {
  test('keeps what the update before it left, and goes on from there to the last bit', async () => {
    const whole = await runs[name]({});
    expect(whole.updates).toBe(4);
    spoilStep(11);
    const error = await divergenceOf(runs[name]({}));
    expect(error.message).toContain('Training diverged in update 3: gradNorm became Infinity');
    vi.restoreAllMocks();
    const rest = await runs[name]({ resume: error.checkpoint });
    expect(timeless(rest.metrics)).toEqual(timeless(whole.metrics.slice(2)));
    const policyOf = (run: typeof rest) => ('agent' in run ? run.agent : run).policy;
    expect(policyOf(rest).stateDict()).toEqual(policyOf(whole).stateDict());
  });
});

test('a model too large to copy keeps its last checkpoint, since half an update is none to go on from', async () => {
  vi.spyOn(Snapshot.prototype, 'take').mockReturnValue(false);
  spoilStep(15);
  const error = await divergenceOf(grpo({ saveInterval: 16 }));
  expect(error.message).toMatch(
    /half an update, which a model so large cannot undo\); .*grpo_CartPole-v1_episode_16 is the last/,
  );
  vi.restoreAllMocks();
  vi.spyOn(Snapshot.prototype, 'take').mockReturnValue(false);
  spoilStep(3);
  expect((await divergenceOf(grpo())).message).toMatch(/cannot undo\), and there is no earlier checkpoint/);
});

/** CartPole, of which nothing can be learned. */
class Senseless extends Wrapper<Env<Float32Array, number>> {
  constructor() {
    super(make('CartPole-v1') as Env<Float32Array, number>);
  }
  override reset(options?: ResetOptions): ResetResult<Float32Array> {
    return this.env.reset(options) as ResetResult<Float32Array>;
  }
  override step(action: number): StepResult<Float32Array> {
    const answer = this.env.step(action) as StepResult<Float32Array>;
    answer[0] = answer[0].fill(Number.NaN);
    return answer;
  }
}

test.each([
  ['ppo', { ppoConfig: { rolloutSteps: 64, minibatchSize: 32, updateEpochs: 1, onNonFinite: 'skip' } }],
  ['grpo', { algorithm: { name: 'grpo', updateEpochs: 4, onNonFinite: 'skip' } }],
] as const)('onNonFinite skip: %s that goes on stops where it would have without a break', async (name, settings) => {
  const options = { ...settings, env: () => new Senseless(), envName: undefined };
  const straight = await divergenceOf(runs[name](options));
  expect(straight.message).toMatch(/diverged in update 3: .*, after 10 skipped steps in a row/);
  const half = await runs[name]({ ...options, ...(name === 'ppo' ? { totalSteps: 200 } : { maxEpisodes: 16 }) });
  const rest = await divergenceOf(runs[name]({ ...options, resume: half.checkpoint }));
  expect(rest.message.replaceAll(/The last good.*/g, '')).toBe(straight.message.replaceAll(/The last good.*/g, ''));
});
