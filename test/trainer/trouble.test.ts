// What runs do when an environment or a reward fails, or hangs, or gives numbers that are none: each trouble under each policy.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Env,
  make,
  type MaybePromise,
  type ResetOptions,
  type ResetResult,
  setWarningHandler,
  type StepResult,
  Wrapper,
} from '../../src/env/index.ts';
import { MLPActorNetwork, LMCriticNetwork } from '../../src/rl/index.ts';
import type { MetricsRow } from '../../src/tracking/index.ts';
import { trainAgent, type TrainTextOptions, TrainingFailedError } from '../../src/trainer/index.ts';
import { temporaryDirectory, tinyRun } from './tiny-run.ts';
import { digits, envOptions, tinyActor, tinyText, tokenizer } from './tiny-text.ts';

const root = temporaryDirectory();
let folders = 0;
const fresh = (): string => join(root, String(folders++));

const warnings: string[] = [];
let handler: ReturnType<typeof setWarningHandler>;
beforeAll(() => {
  handler = setWarningHandler((message) => void warnings.push(message));
});
afterAll(() => void setWarningHandler(handler));

type Step = StepResult<Float32Array>;
const troubles = {
  throws: () => {
    throw new Error('the pole is broken');
  },
  'throws later': () => Promise.reject(new Error('the pole is broken')),
  hangs: () => new Promise<Step>(() => {}),
  'gives a reward of NaN': (step: Step) => [step[0], Number.NaN, ...step.slice(2)] as Step,
  'gives a reward of Infinity': (step: Step) => [step[0], Number.POSITIVE_INFINITY, ...step.slice(2)] as Step,
  'observes NaN': (step: Step) => [step[0].with(1, Number.NaN), ...step.slice(1)] as Step,
} satisfies Readonly<Record<string, (step: Step) => MaybePromise<Step>>>;
type Trouble = keyof typeof troubles;
const names = Object.keys(troubles) as Trouble[];

/** CartPole, whose steps fail at these numbers, counted over all its episodes. */
class Troubled extends Wrapper<Env<Float32Array, number>> {
  readonly #trouble: Trouble;
  readonly #fails: (step: number) => boolean;
  steps = 0;

  constructor(trouble: Trouble, fails: (step: number) => boolean) {
    super(make('CartPole-v1') as Env<Float32Array, number>);
    this.#trouble = trouble;
    this.#fails = fails;
  }
  override reset(options?: ResetOptions): ResetResult<Float32Array> {
    return this.env.reset(options) as ResetResult<Float32Array>;
  }
  // What is asynchronous here is so only in trouble.
  override step(action: number): Step {
    const answer = this.env.step(action) as Step;
    return this.#fails(++this.steps) ? (troubles[this.#trouble](answer) as Step) : answer;
  }
}

const patience = { envTimeoutMs: 20 };
const message = /the pole is broken|within 20 ms|reward of (NaN|Infinity)|observation with NaN at 1/;
const column = (rows: readonly MetricsRow[], name: string) => rows.map((row) => row[name]);

describe.each(names)('an environment that %s', (trouble) => {
  const ppo = (fails: (step: number) => boolean, more: object) =>
    tinyRun(fresh(), { env: () => new Troubled(trouble, fails), totalSteps: 384, ...patience, ...more });
  const grpo = (fails: (step: number) => boolean, more: object) =>
    trainAgent({
      env: () => new Troubled(trouble, fails),
      actor: new MLPActorNetwork(4, 8, 2, { seed: 1 }),
      algorithm: { name: 'grpo' },
      numEnvs: 4,
      groupSize: 4,
      updateInterval: 8,
      maxEpisodes: 16,
      seed: 1,
      savePath: fresh(),
      runDirectory: null,
      ...patience,
      ...more,
    });

  test('ends the run, which has saved itself', async () => {
    const error = await ppo((step) => step === 100, {}).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TrainingFailedError);
    expect((error as Error).message).toMatch(message);
    expect((error as TrainingFailedError).checkpoint).not.toBe('');
  });

  test('onEnvError reset: PPO goes on with episodes that are cut off there, and counts them', async () => {
    const { metrics, stoppedBy } = await ppo((step) => step % 50 === 0, { onEnvError: 'reset' });
    expect(stoppedBy).toBe('totalSteps');
    // Two environments of 64 steps an update, some of which only reset.
    expect(column(metrics, 'envFailures').every((count) => count! >= 2 && count! <= 4)).toBe(true);
    expect(metrics.flatMap(({ policyLoss, valueLoss }) => [policyLoss, valueLoss]).every(Number.isFinite)).toBe(true);
    expect(warnings.at(-1)).toMatch(message);
  });

  test('onEnvError reset: GRPO plays the episode again, so that groups stay complete', async () => {
    const groups: number[] = [];
    const positions: number[] = [];
    const onEpisodeEnd = ({ group, globalStep }: { group: number; globalStep: number }): void => {
      groups.push(group);
      positions.push(globalStep);
    };
    const { metrics, episodeLengths } = await grpo((step) => step % 30 === 0, {
      onEnvError: 'reset',
      callbacks: { onEpisodeEnd },
    });
    expect(groups).toHaveLength(16);
    expect(groups.filter((group) => group === 0)).toHaveLength(8);
    expect(column(metrics, 'envFailures').reduce((sum, count) => sum! + count!, 0)).toBeGreaterThan(3);
    expect(metrics.at(-1)!['globalStep']).toBe(episodeLengths.reduce((sum, length) => sum + length, 0));
    // What they are drawn over never goes back, from one rollout to the next either.
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    expect(positions.at(-1)).toBe(metrics.at(-1)!['globalStep']);
  });
});

describe('an environment that', () => {
  test('never gets through an episode ends the run all the same', async () => {
    const env = () => new Troubled('throws', () => true);
    const run = tinyRun(fresh(), { env, numEnvs: 1, onEnvError: 'reset' });
    await expect(run).rejects.toThrow(/11 episodes in a row have failed, the last of them so: the pole is broken/);
  });

  test('fails at a reset ends the run', async () => {
    class Stuck extends Troubled {
      #resets = 0;
      override reset(options?: ResetOptions): ResetResult<Float32Array> {
        if (++this.#resets === 5) throw new Error('the hinge is stuck');
        return super.reset(options);
      }
    }
    const run = tinyRun(fresh(), { env: () => new Stuck('throws', () => false), onEnvError: 'reset' });
    await expect(run).rejects.toThrow('the hinge is stuck');
  });

  test('begins with what is no number ends the run, which says so', async () => {
    class Blind extends Troubled {
      override reset(options?: ResetOptions): ResetResult<Float32Array> {
        const [observation, info] = super.reset(options);
        return [observation.with(2, Number.NaN), info];
      }
    }
    const run = tinyRun(fresh(), { env: () => new Blind('throws', () => false), onEnvError: 'reset' });
    await expect(run).rejects.toThrow('reset gave an observation with NaN at 2');
  });

  test('hangs, without a limit: a signal ends the waiting, and the run goes on to the last bit', async () => {
    const controller = new AbortController();
    const savePath = fresh();
    let envs: Troubled[] = [];
    const of = (hangs: boolean) => () => {
      const env = new Troubled('hangs', (step) => hangs && step === 100 && (soon(), true));
      envs.push(env);
      return env;
    };
    const soon = (): void => void setTimeout(() => controller.abort(), 20);
    const common = { totalSteps: 256, recordEpisodes: false };
    const stopped = await tinyRun(savePath, { ...common, env: of(true), signal: controller.signal });
    expect(stopped).toMatchObject({ stoppedBy: 'signal', updates: 1 });
    expect(envs.map(({ steps }) => steps)).toEqual([100, 100].map((n) => expect.closeTo(n, -1)));
    envs = [];
    const whole = await tinyRun(fresh(), { ...common, env: of(false) });
    const rest = await tinyRun(fresh(), { ...common, env: of(false), resume: stopped.checkpoint });
    expect(rest.agent.policy.stateDict()).toEqual(whole.agent.policy.stateDict());
  });

  test('is guarded goes on from a checkpoint to the last bit', async () => {
    const env = () => make('CartPole-v1');
    const common = { env, onEnvError: 'reset', totalSteps: 384 } as const;
    const whole = await tinyRun(fresh(), common);
    const half = await tinyRun(fresh(), { ...common, totalSteps: 128 });
    const rest = await tinyRun(fresh(), { ...common, resume: half.checkpoint });
    expect(rest.agent.policy.stateDict()).toEqual(whole.agent.policy.stateDict());
    expect(column(rest.metrics, 'envFailures')).toEqual([0, 0]);
  });

  test('ends the run if it fails has no failures to count, be it watched or not', async () => {
    for (const more of [{ envTimeoutMs: 1000 }, { onEnvError: 'stop' }, {}] as const) {
      const { metrics } = await tinyRun(fresh(), more);
      expect(metrics.filter((row) => 'envFailures' in row)).toEqual([]);
    }
  });

  test.each([
    [{ onEnvError: 'retry' as 'reset' }, "onEnvError is \"retry\", but must be 'stop' or 'reset'"],
    [{ envTimeoutMs: 0 }, 'timeoutMs is 0, but must be above 0'],
  ])('is to be treated as cannot be: %o', async (options, problem) => {
    await expect(tinyRun(fresh(), options)).rejects.toThrow(problem);
  });
});

test.each([
  ['gives a reward of NaN', 1],
  ['gives a reward of Infinity', 1],
  // What led there is not known to be good or bad either.
  ['observes NaN', 2],
] as const)(
  'onNonFinite skip: a run passes over steps in an environment that %s, normalised or not',
  async (trouble, rows) => {
    const ppoConfig = { rolloutSteps: 64, minibatchSize: 32, updateEpochs: 1, onNonFinite: 'skip' } as const;
    for (const normalized of [true, false]) {
      const options = {
        env: () => new Troubled(trouble, (step) => step === 20 || step === 100),
        ppoConfig,
        normalizeObservation: normalized,
        normalizeReward: normalized,
      };
      const { metrics, stoppedBy, checkpoint, episodeReturns } = await tinyRun(fresh(), {
        ...options,
        totalSteps: 460,
      });
      expect(stoppedBy).toBe('totalSteps');
      expect(episodeReturns.every(Number.isFinite)).toBe(trouble === 'observes NaN');
      // Of two environments.
      const [first, second, ...others] = column(metrics, 'skippedRows');
      expect([first, second]).toEqual([2 * rows, 2 * rows]);
      expect([...others, ...column(metrics, 'skippedSteps')].every((count) => count === 0)).toBe(true);
      const { runningReward, episodicReturn } = metrics.at(-1)!;
      expect(Math.min(runningReward!, episodicReturn!)).toBeGreaterThan(0);
      const losses = metrics.flatMap(({ policyLoss, valueLoss, entropy }) => [policyLoss, valueLoss, entropy]);
      expect(losses.every(Number.isFinite)).toBe(true);
      const rest = await tinyRun(fresh(), { ...options, totalSteps: 600, resume: checkpoint });
      expect(rest.stoppedBy).toBe('totalSteps');
    }
  },
);

/** A reward function that does what `bad` does at these calls. */
function failing(fails: (call: number) => boolean, bad: () => MaybePromise<number>) {
  let calls = 0;
  return (completion: string): MaybePromise<number> => (fails(++calls) ? bad() : digits(completion));
}

const badRewards = {
  throws: () => {
    throw new Error('the judge is asleep');
  },
  hangs: () => new Promise<number>(() => {}),
  'answers nonsense': () => 'good' as unknown as number,
  'answers NaN': () => Number.NaN,
} satisfies Readonly<Record<string, () => MaybePromise<number>>>;

let whole: ReturnType<typeof tinyText> | undefined;

describe.each(Object.keys(badRewards) as (keyof typeof badRewards)[])('a reward function that %s', (name) => {
  const run = (fails: (call: number) => boolean, more: object) => {
    const reward = failing(fails, badRewards[name]);
    return tinyText(fresh(), { envOptions: { ...envOptions, rewardTimeoutMs: 20, reward, ...more }, maxEpisodes: 16 });
  };

  test('rewardErrors: a fallback in its place, counted', async () => {
    const { metrics } = await run((call) => call % 8 === 3, { rewardErrors: { fallback: -1 } });
    expect(column(metrics, 'rewardFailures')).toEqual([1, 1]);
    expect(warnings.at(-1)).toMatch(/rewarded with -1/);
  });

  test('rewardRetries: asked again, it is the run that never failed', async () => {
    whole ??= tinyText(fresh(), { maxEpisodes: 16 });
    const { policy } = await run((call) => call % 8 === 3, { rewardRetries: 1 });
    expect(policy.stateDict()).toEqual((await whole).policy.stateDict());
  });
});

test('a reward function that fails more often than it is asked again ends the run', async () => {
  const reward = failing((call) => call === 9 || call === 10, badRewards.throws);
  const run = tinyText(fresh(), { envOptions: { ...envOptions, reward, rewardRetries: 1 }, maxEpisodes: 16 });
  await expect(run).rejects.toThrow(TrainingFailedError);
  const options = { ...envOptions, rewardRetries: -1 };
  await expect(tinyText(fresh(), { envOptions: options })).rejects.toThrow('rewardRetries is -1, but must be');
});

describe('RLHFEnv-v0', () => {
  const rlhf = (reward: unknown, options: object = {}, more: Partial<TrainTextOptions> = {}) => {
    const actor = tinyActor();
    const dataset = ['1+1=', '2+3=', '7='];
    return tinyText(fresh(), {
      envName: 'RLHFEnv-v0',
      envOptions: { tokenizer, dataset, reward, klCoef: 0.1, maxGeneration: 6, rewardTimeoutMs: 20, ...options },
      actor,
      critic: new LMCriticNetwork(actor.model, { seed: 1 }),
      algorithm: { name: 'ppo', lrActor: 1e-3, updateEpochs: 1, minibatchSize: 8, ...more.ppoConfig },
      ...more,
    });
  };

  test('a reward that fails: stop, fallback, or asked again', async () => {
    // Texts are rated a rollout at a time.
    const reward = (bad = badRewards['answers nonsense']) => {
      let calls = 0;
      return { batch: (texts: readonly string[]) => (++calls === 2 ? [bad()] : texts.map(digits)) };
    };
    const whole = await rlhf(digits);
    for (const bad of [badRewards.throws, badRewards['answers nonsense']]) {
      const error = await rlhf(reward(bad)).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(TrainingFailedError);
      const { metrics } = await rlhf(reward(bad), { rewardErrors: { fallback: 0 } });
      expect(column(metrics, 'rewardFailures')).toEqual([0, 8, 0, 0]);
      const retried = await rlhf(reward(bad), { rewardRetries: 1 });
      expect(retried.policy.stateDict()).toEqual(whole.policy.stateDict());
    }
  });

  test('a reward that hangs, without a limit: a signal ends the waiting, with a checkpoint', async () => {
    const controller = new AbortController();
    const hanging = (): Promise<number> => {
      setTimeout(() => controller.abort(), 20);
      return badRewards.hangs();
    };
    const reward = failing((call) => call > 8, hanging);
    const run = rlhf(reward, { rewardTimeoutMs: undefined }, { signal: controller.signal });
    expect(await run).toMatchObject({ stoppedBy: 'signal', updates: 1 });
  });

  test('maxKl ends a run whose policy leaves its reference, with a checkpoint from before', async () => {
    const runDirectory = fresh();
    const wild = {
      algorithm: { name: 'ppo', lrActor: 0.1, updateEpochs: 2, minibatchSize: 8 },
      maxEpisodes: 400,
    } as const;
    const result = await rlhf(digits, {}, { ...wild, maxKl: 2, runDirectory, savePath: undefined });
    expect(result.stoppedBy).toBe('maxKl');
    expect(result.stopReason).toMatch(/divergence from the reference is [\d.]+ nats, above maxKl 2/);
    // What was too far has not been learned from.
    expect(column(result.metrics, 'kl').every((kl) => kl! <= 2)).toBe(true);
    const summary = JSON.parse(readFileSync(join(runDirectory, 'summary.json'), 'utf8')) as object;
    expect(summary).toMatchObject({ stoppedBy: 'maxKl', checkpoint: result.checkpoint });
    await expect(rlhf(digits, {}, { maxKl: 0 })).rejects.toThrow('maxKl is 0, but must be above 0');
  });
});
