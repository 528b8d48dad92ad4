import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Env, make, Wrapper, type ResetOptions, type ResetResult, type StepResult } from '../../src/env/index.ts';
import { CartPoleEnv } from '../../src/env/classic-control/cartpole.ts';
import {
  evaluatePolicy,
  loadPPOAgent,
  readCheckpoint,
  type TrainCallbacks,
  TrainingDivergedError,
  type TrainProgress,
} from '../../src/trainer/index.ts';
import { cartPoleNetworks, temporaryDirectory, tinyRun } from './tiny-run.ts';

const root = temporaryDirectory();
let runs = 0;
const fresh = (): string => join(root, `run-${runs++}`);

/** Metrics without what depends on the clock. */
function timeless(rows: readonly object[]): object[] {
  return rows.map((row) => ({ ...row, seconds: 0, stepsPerSecond: 0, memory: 0 }));
}

describe('results', () => {
  test('running rewards are 0.95 old plus 0.05 new', async () => {
    const { runningRewards, episodeReturns } = await tinyRun(fresh());
    expect(episodeReturns.length).toBeGreaterThan(3);
    // The recurrence written out: R_n = sum of 0.05 * 0.95^(n - i) r_i.
    runningRewards.forEach((running, n) => {
      const expected = episodeReturns.slice(0, n + 1).reduce((sum, r, i) => sum + 0.05 * 0.95 ** (n - i) * r, 0);
      expect(running).toBeCloseTo(expected, 9);
    });
  });

  test('CartPole earns 1 a step, so returns are lengths', async () => {
    const { episodeReturns, episodeLengths } = await tinyRun(fresh());
    expect(episodeReturns).toEqual(episodeLengths);
  });

  test('returns are those of the environment, however rewards are normalised', async () => {
    const { episodeReturns, episodeLengths } = await tinyRun(fresh(), { normalizeReward: true, maxEpisodes: 9 });
    expect(episodeReturns).toEqual(episodeLengths);
  });

  test('maxEpisodes episodes are told, no more', async () => {
    const result = await tinyRun(fresh(), { maxEpisodes: 5 });
    expect(result.runningRewards).toHaveLength(5);
    expect(result.stoppedBy).toBe('maxEpisodes');
    expect(result.checkpoint).toMatch(/ppo_CartPole-v1_episode_5$/);
  });

  test('totalSteps steps are taken, and the last rollout is finished', async () => {
    const result = await tinyRun(fresh(), { totalSteps: 200 });
    expect(result.stoppedBy).toBe('totalSteps');
    expect(result.updates).toBe(2);
    expect(result.steps).toBeGreaterThanOrEqual(200);
    expect(result.steps).toBeLessThanOrEqual(256);
  });

  test('updateInterval counts episodes between updates', async () => {
    const counts: number[] = [];
    const callbacks: TrainCallbacks = { onUpdateEnd: ({ episodes }) => void counts.push(episodes) };
    const result = await tinyRun(fresh(), { numEnvs: 1, maxEpisodes: 6, updateInterval: 2, callbacks });
    expect(counts).toEqual([2, 4, 6]);
    expect(result.updates).toBe(3);
  });

  test('maxTimesteps cuts episodes off', async () => {
    const { episodeLengths } = await tinyRun(fresh(), { maxTimesteps: 5 });
    expect(Math.max(...episodeLengths)).toBe(5);
  });

  test('one seed, one run; another, another', async () => {
    const [a, b, c] = await Promise.all([7, 7, 8].map((seed) => tinyRun(fresh(), { seed })));
    expect(timeless(a!.metrics)).toEqual(timeless(b!.metrics));
    expect(a!.agent.policy.stateDict()).toEqual(b!.agent.policy.stateDict());
    expect(timeless(a!.metrics)).not.toEqual(timeless(c!.metrics));
  });

  test('training changes both networks', async () => {
    const before = cartPoleNetworks();
    const { agent } = await tinyRun(fresh());
    expect(agent.policy.actor.stateDict()).not.toEqual(before.actor.stateDict());
    expect(agent.policy.critic!.stateDict()).not.toEqual(before.critic.stateDict());
  });
});

describe('environments', () => {
  test('a function that makes them', async () => {
    const result = await tinyRun(fresh(), { env: () => make('CartPole-v1'), numEnvs: 3 });
    expect(result.checkpoint).toMatch(/ppo_CartPole-v1_episode_\d+$/);
    expect(readCheckpoint(result.checkpoint).details.env).toMatchObject({ id: null, numEnvs: 3 });
    expect(readCheckpoint(result.checkpoint).details.random!.environments).toHaveLength(3);
  });

  test('one that is there already, and stays open', async () => {
    let closed = false;
    class Watched extends CartPoleEnv {
      override close(): void {
        closed = true;
      }
    }
    const result = await tinyRun(fresh(), { env: new Watched(), numEnvs: 1, maxTimesteps: 20 });
    expect(result.checkpoint).toMatch(/ppo_Watched_episode_\d+$/);
    expect(closed).toBe(false);
  });

  test('arguments reach the environment and the checkpoint', async () => {
    const { episodeReturns, checkpoint } = await tinyRun(fresh(), { envOptions: { suttonBartoReward: true } });
    expect(new Set(episodeReturns)).toEqual(new Set([-1]));
    expect(readCheckpoint(checkpoint).details.env.options).toEqual({ suttonBartoReward: true });
  });

  test('continuous actions and normalised observations survive saving', async () => {
    const { MLPActorNetwork, MLPCriticNetwork } = await import('../../src/rl/index.ts');
    const { agent, checkpoint } = await tinyRun(fresh(), {
      envName: 'Pendulum-v1',
      actor: new MLPActorNetwork(3, 8, 1, { seed: 1 }),
      critic: new MLPCriticNetwork(3, 8, { seed: 2 }),
      normalizeObservation: true,
      normalizeReward: true,
    });
    const play = (of: typeof agent) => evaluatePolicy(of, 'Pendulum-v1', { episodes: 2, seed: 1, maxTimesteps: 30 });
    expect(await play(loadPPOAgent(checkpoint))).toEqual(await play(agent));
    // And the normaliser matters: without it the policy sees something else.
    expect(readCheckpoint(checkpoint).details.normalizers.observation!.rms.count).toBeGreaterThan(100);
  });
});

describe('callbacks', () => {
  test('are called in order, and see progress grow', async () => {
    const calls: string[] = [];
    const steps: number[] = [];
    const note = (name: string) => (progress: TrainProgress) => {
      calls.push(name);
      steps.push(progress.steps);
    };
    await tinyRun(fresh(), {
      saveInterval: 1,
      callbacks: {
        onRolloutStart: note('rolloutStart'),
        onRolloutEnd: note('rolloutEnd'),
        onUpdateStart: note('updateStart'),
        onUpdateEnd: note('updateEnd'),
        onCheckpoint: (_path, progress) => note('checkpoint')(progress),
      },
    });
    const update = ['rolloutStart', 'rolloutEnd', 'updateStart', 'updateEnd', 'checkpoint'];
    expect(calls).toEqual([...update, ...update]);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  });

  test.each([
    ['onRolloutStart', false],
    ['onRolloutEnd', { stop: 'enough' }],
    ['onUpdateStart', { stop: 'enough' }],
    ['onUpdateEnd', { stop: 'enough' }],
    ['onEpisodeEnd', { stop: 'enough' }],
    ['onStep', { stop: 'enough' }],
    ['onCheckpoint', { stop: 'enough' }],
  ] as const)('%s ends the run, with a checkpoint', async (name, answer) => {
    const callbacks: TrainCallbacks = { [name]: () => answer };
    const result = await tinyRun(fresh(), { totalSteps: 100_000, saveInterval: 1, callbacks });
    expect(result.stoppedBy).toBe('callback');
    expect(result.stopReason).toBe(answer === false ? 'onRolloutStart returned false' : 'enough');
    expect(existsSync(join(result.checkpoint, 'trainer.json'))).toBe(true);
    expect(result.updates).toBe(['onUpdateEnd', 'onCheckpoint'].includes(name) ? 1 : 0);
  });

  test('an answer may come later, and any of several may end the run', async () => {
    const later: TrainCallbacks = { onUpdateEnd: async () => ({ stop: 'later' }) };
    const { stopReason } = await tinyRun(fresh(), { totalSteps: 100_000, callbacks: [{}, later] });
    expect(stopReason).toBe('later');
  });

  test('onEpisodeEnd sees each episode as it ends', async () => {
    const seen: number[] = [];
    const result = await tinyRun(fresh(), {
      callbacks: {
        onEpisodeEnd: ({ episode, return: sum, length, runningReward }) => {
          expect(episode).toBe(seen.length + 1);
          expect(sum).toBe(length);
          seen.push(runningReward);
        },
      },
    });
    expect(seen).toEqual(result.runningRewards);
  });

  test('an episode that ends the run is its last', async () => {
    const onEpisodeEnd: TrainCallbacks['onEpisodeEnd'] = ({ episode }) => episode < 3;
    const result = await tinyRun(fresh(), { numEnvs: 1, totalSteps: 100_000, callbacks: { onEpisodeEnd } });
    expect(result.episodeReturns).toHaveLength(3);
    expect(result.steps).toBe(result.episodeLengths.reduce((sum, length) => sum + length, 0));
  });

  test('the callback of the original sees every step of every environment', async () => {
    const rewards = new Map<number, number>();
    let calls = 0;
    let ends = 0;
    const result = await tinyRun(fresh(), {
      numEnvs: 1,
      callback(state, action, reward, done, truncated, episode) {
        calls++;
        expect(state).toHaveLength(4);
        expect([0, 1]).toContain(action);
        rewards.set(episode, (rewards.get(episode) ?? 0) + reward);
        if (done || truncated) ends++;
      },
    });
    expect(calls).toBe(result.steps);
    expect(ends).toBe(result.episodeReturns.length);
    result.episodeReturns.forEach((sum, i) => expect(rewards.get(i + 1)).toBe(sum));
  });

  test('the callback of the original ends the run', async () => {
    let calls = 0;
    const result = await tinyRun(fresh(), { numEnvs: 1, totalSteps: 100_000, callback: () => ++calls < 10 });
    expect(result).toMatchObject({ steps: 10, stoppedBy: 'callback', stopReason: 'callback returned false' });
  });

  test('listening does not change the run', async () => {
    const plain = await tinyRun(fresh());
    const watched = await tinyRun(fresh(), { callback: () => undefined, callbacks: { onEpisodeEnd: () => undefined } });
    expect(timeless(watched.metrics)).toEqual(timeless(plain.metrics));
  });

  test('a signal ends the run, and gives up the update that would have followed', async () => {
    const controller = new AbortController();
    const result = await tinyRun(fresh(), {
      totalSteps: 100_000,
      signal: controller.signal,
      callbacks: { onRolloutEnd: () => controller.abort() },
    });
    expect(result).toMatchObject({ stoppedBy: 'signal', updates: 0, steps: 0, episodeReturns: [] });
    expect(existsSync(result.checkpoint)).toBe(true);
  });

  test('stopAtMeanReturn wants 100 episodes', async () => {
    const result = await tinyRun(fresh(), { totalSteps: 100_000, stopAtMeanReturn: 1 });
    expect(result.stoppedBy).toBe('stopAtMeanReturn');
    expect(result.episodeReturns.length).toBeGreaterThanOrEqual(100);
    expect(result.episodeReturns.length).toBeLessThan(130);
  });

  test('stopAtMeanReturn is not reached where no return is a number', async () => {
    class Unrewarded extends Wrapper<Env<Float32Array, number>> {
      #steps = 0;
      override step(action: number): StepResult<Float32Array> {
        const [observation, , ...rest] = this.env.step(action) as StepResult<Float32Array>;
        return [observation, ++this.#steps % 2 === 0 ? Number.NaN : 1, ...rest];
      }
    }
    const { stoppedBy, episodes, meanReturn } = await tinyRun(fresh(), {
      env: () => new Unrewarded(make('CartPole-v1') as Env<Float32Array, number>),
      maxTimesteps: 2,
      totalSteps: 500,
      stopAtMeanReturn: -1,
      ppoConfig: { rolloutSteps: 64, minibatchSize: 32, updateEpochs: 1, onNonFinite: 'skip' },
    });
    expect(stoppedBy).toBe('totalSteps');
    expect(episodes).toBeGreaterThan(200);
    expect(meanReturn).toBeNull();
  });

  test('logInterval gives a line every so many episodes', async () => {
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    await tinyRun(fresh(), { maxEpisodes: 7, logInterval: 3, log });
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/^episode 6: running reward \d/);
  });
});

describe('checkpoints', () => {
  test('come every saveInterval episodes, and at the end', async () => {
    const savePath = fresh();
    const result = await tinyRun(savePath, { totalSteps: 600, saveInterval: 10 });
    const saved = readdirSync(savePath).map((name) => Number(/^ppo_CartPole-v1_episode_(\d+)$/.exec(name)![1]));
    saved.sort((a, b) => a - b);
    expect(saved.at(-1)).toBe(result.episodeReturns.length);
    expect(saved.length).toBeGreaterThan(2);
    // One for each ten episodes passed, and the last.
    expect(new Set(saved.slice(0, -1).map((n) => Math.floor(n / 10))).size).toBe(saved.length - 1);
  });
});

describe('divergence', () => {
  /** Rewards become NaN after some steps. */
  class Poisoned extends Wrapper<Env<Float32Array, number>> {
    #steps = 0;
    override reset(options?: ResetOptions): ResetResult<Float32Array> {
      return this.env.reset(options) as ResetResult<Float32Array>;
    }
    override step(action: number): StepResult<Float32Array> {
      const result = this.env.step(action) as StepResult<Float32Array>;
      if (++this.#steps > 150) result[1] = Number.NaN;
      return result;
    }
  }

  test('NaN ends the run with an error that names the metric and the last good weights', async () => {
    const savePath = fresh();
    const poisoned = () => new Poisoned(make('CartPole-v1') as Env<Float32Array, number>);
    const run = tinyRun(savePath, { env: poisoned, numEnvs: 1, totalSteps: 10_000 });
    const error = await run.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TrainingDivergedError);
    const { message, metric, checkpoint } = error as TrainingDivergedError;
    expect(['policyLoss', 'valueLoss', 'gradNorm']).toContain(metric);
    expect(message).toContain(metric);
    expect(message).toContain(checkpoint);
    expect(message).toContain('update 3');
    const { model, details } = readCheckpoint(checkpoint);
    // The rollout that had NaN is none of what the checkpoint tells of.
    expect(details.counters!.updates).toBe(2);
    expect(details.counters!.recentReturns.every(Number.isFinite)).toBe(true);
    for (const data of [...model.values()].map((entry) => Array.from(entry.data as Float32Array)))
      expect(data.every((value) => Number.isFinite(value))).toBe(true);
  });
});

describe('wrong options', () => {
  test.each([
    [{ totalSteps: 10, maxEpisodes: 10 }, /maxEpisodes or totalSteps, not both/],
    [{ totalSteps: 0 }, /totalSteps is 0/],
    [{ maxEpisodes: 1.5 }, /maxEpisodes is 1\.5/],
    [{ numEnvs: 0 }, /numEnvs is 0/],
    [{ updateInterval: -1 }, /updateInterval is -1/],
    [{ saveInterval: 0 }, /saveInterval is 0/],
    [{ envName: 'CartPol-v1' }, /Did you mean: `CartPole`/],
    [{ envName: undefined }, /envName .* or env .*, not neither/],
    [{ env: () => make('CartPole-v1'), envName: 'CartPole-v1' }, /not both/],
    [{ env: make('CartPole-v1'), numEnvs: 2 }, /pass a function that makes one/],
    [{ env: () => make('CartPole-v1'), envOptions: { x: 1 } }, /envOptions go with envName/],
    [{ envName: 'FrozenLake-v1', normalizeObservation: true }, /normalizeObservation is for Box/],
    [{ ppoConfig: { gamma: 2 } }, /gamma is 2/],
  ])('%j', async (options, message) => {
    await expect(tinyRun(fresh(), options)).rejects.toThrow(message);
  });
});
