// Algorithms of the user's own, with everything around them that those have which are here.

import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromConfig } from '../../src/lm/index.ts';
import { Adam, gradientAssignments } from '../../src/nn/index.ts';
import type { Generator } from '../../src/random/index.ts';
import {
  type ActorCriticPolicy,
  CriticFree,
  type EpisodeRollout,
  type EpisodeSteps,
  gae,
  LMActorNetwork,
  MLPActorNetwork,
  MLPCriticNetwork,
  type Rollout,
  type RowWeighting,
  type TokenPolicy,
  type TokenRollout,
} from '../../src/rl/index.ts';
import { compile } from '../../src/runtime/index.ts';
import { type Tensor, tensor } from '../../src/tensor/index.ts';
import {
  CheckpointError,
  type Learner,
  type LearnerContext,
  loadPPOAgent,
  trainAgent,
  type TrainCriticFreeOptions,
  type TrainCustomOptions,
  TrainingDivergedError,
  type TrainingFailedError,
} from '../../src/trainer/index.ts';
import { envOptions, tinyConfig, tinyText } from './tiny-text.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gymformer-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Advantage actor-critic: one step of gradient on each rollout. */
class A2C implements Learner<Rollout> {
  readonly #policy: ActorCriticPolicy;
  readonly #optimizer: Adam;
  readonly #learn;

  constructor(policy: ActorCriticPolicy, learningRate: number) {
    this.#policy = policy;
    this.#optimizer = new Adam(policy.parameters(), { learningRate });
    this.#learn = compile((observations: Tensor, actions: Tensor, advantages: Tensor, returns: Tensor) => {
      const { logProbs, entropies, values } = policy.evaluate(observations, actions);
      const policyLoss = logProbs.mul(advantages).mean().neg();
      const loss = policyLoss.add(values.sub(returns).square().mean().mul(0.5)).sub(entropies.mean().mul(0.01));
      return { loss, gradients: gradientAssignments(loss, policy.parameters()) };
    });
  }

  update(rollout: Rollout): { readonly loss: number } {
    const { rows, observations, actions } = rollout;
    const ended = rollout.terminated.map((terminated, row) => terminated | rollout.truncated[row]!);
    const { advantages, returns } = gae({ ...rollout, ...this.#policy.stateValues(rollout), ended }, 0.99, 1);
    const { loss } = this.#learn(
      tensor(observations, { shape: [rows, this.#policy.observationSize] }),
      tensor(actions as Int32Array, { shape: [rows] }),
      tensor(advantages),
      tensor(returns),
    );
    this.#optimizer.step({ maxGradNorm: 0.5 });
    return { loss: loss.item() };
  }

  stateDict() {
    return this.#optimizer.stateDict();
  }

  loadStateDict(state: ReturnType<Adam['stateDict']>): void {
    this.#optimizer.loadStateDict(state);
  }
}

class BetterHalf<R extends EpisodeSteps> extends CriticFree<R> {
  protected override weigh({ rows, episodes }: R): RowWeighting {
    const median = episodes.map((episode) => episode.return).sort((a, b) => a - b)[episodes.length >> 1]!;
    const advantages = new Float32Array(rows);
    for (const { firstRow, length, return: value } of episodes) {
      if (value > median) advantages.fill(1, firstRow, firstRow + length);
    }
    return { advantages };
  }
}

const steps = (more: Partial<TrainCustomOptions> = {}) =>
  trainAgent({
    envName: 'CartPole-v1',
    actor: new MLPActorNetwork(4, 16, 2, { seed: 1 }),
    critic: new MLPCriticNetwork(4, 16, { seed: 2 }),
    algorithm: { custom: 'a2c', create: (policy) => new A2C(policy, 1e-3), rolloutSteps: 16 },
    numEnvs: 4,
    totalSteps: 64 * 8,
    saveInterval: 5,
    seed: 3,
    runDirectory: null,
    savePath: folder,
    normalizeObservation: true,
    ...more,
  });

const weightsOf = (path: string) => readFileSync(join(path, 'model.safetensors'));

describe('an algorithm of steps, with a critic', () => {
  it('learns to balance a pole', async () => {
    const { episodeReturns } = await steps({
      algorithm: { custom: 'a2c', create: (policy) => new A2C(policy, 3e-3), rolloutSteps: 16 },
      numEnvs: 16,
      totalSteps: 30_000,
      saveInterval: 10_000,
    });
    // A policy that does anything at random balances for 22 steps.
    const latest = episodeReturns.slice(-20);
    expect(latest.reduce((sum, value) => sum + value, 0) / latest.length).toBeGreaterThan(100);
  });

  it('has metrics, a run directory, and checkpoints that are agents', async () => {
    const runDirectory = join(folder, 'run');
    const { checkpoint, metrics, updates, agent } = await steps({ runDirectory, savePath: undefined });
    expect(metrics).toHaveLength(updates);
    expect(metrics.map((row) => typeof row['loss'])).toEqual(metrics.map(() => 'number'));
    expect(checkpoint).toMatch(/a2c_CartPole-v1_episode_\d+$/);
    const config = JSON.parse(readFileSync(join(runDirectory, 'config.json'), 'utf8')) as { algorithm: unknown };
    expect(config.algorithm).toEqual({ name: 'a2c', rolloutSteps: 16 });
    const loaded = loadPPOAgent(checkpoint);
    expect(loaded.details.algorithm).toBe('a2c');
    const observation = Float32Array.of(0.1, -0.2, 0.03, 0.4);
    expect(loaded.selectAction(observation, { deterministic: true })).toBe(
      agent.selectAction(observation, { deterministic: true }),
    );
  });

  it('goes on to the last bit', async () => {
    const whole = await steps({ savePath: join(folder, 'whole') });
    const half = await steps({ savePath: join(folder, 'half'), totalSteps: 64 * 4 });
    const rest = await steps({ savePath: join(folder, 'rest'), resume: half.checkpoint });
    expect(rest.updates).toBe(whole.updates);
    expect(weightsOf(rest.checkpoint)).toEqual(weightsOf(whole.checkpoint));
  });

  it('does not go on with another algorithm', async () => {
    const { checkpoint } = await steps({ savePath: join(folder, 'other') });
    const algorithm = { custom: 'a3c', create: (policy: ActorCriticPolicy) => new A2C(policy, 1e-3), rolloutSteps: 16 };
    await expect(steps({ resume: checkpoint, algorithm })).rejects.toThrow('algorithm was a2c and is a3c');
    await expect(steps({ resume: checkpoint, algorithm })).rejects.toBeInstanceOf(CheckpointError);
  });

  it('may remember nothing', async () => {
    const seen: number[] = [];
    const algorithm = {
      custom: 'looker',
      create: () => ({
        update: ({ rows }: Rollout, { progress }: { progress: number }) => void seen.push(rows, progress),
      }),
      rolloutSteps: 16,
    };
    const { checkpoint, updates } = await steps({ algorithm, totalSteps: 128, savePath: join(folder, 'looks') });
    const on = await steps({ algorithm, totalSteps: 192, resume: checkpoint, savePath: join(folder, 'on') });
    expect(on.updates).toBeGreaterThan(updates);
    expect(seen).toHaveLength(2 * on.updates);
    expect(seen.slice(0, 2)).toEqual([64, 0]);
  });
});

describe('an algorithm of whole episodes', () => {
  const episodes = (more: Partial<TrainCriticFreeOptions>) =>
    trainAgent({
      envName: 'CartPole-v1',
      actor: new MLPActorNetwork(4, 16, 2, { seed: 1 }),
      algorithm: {
        custom: 'better-half',
        create: (policy, context) => new BetterHalf<EpisodeRollout>(policy, { learningRate: 3e-3 }, context),
      },
      numEnvs: 4,
      updateInterval: 8,
      maxEpisodes: 32,
      seed: 1,
      runDirectory: null,
      ...more,
    });

  it('learns without a critic, and goes on to the last bit', async () => {
    const { checkpoint, metrics } = await episodes({ savePath: join(folder, 'better') });
    expect(metrics).toHaveLength(4);
    expect(metrics[0]!['meanReturn']).toBeGreaterThan(1);
    expect(loadPPOAgent(checkpoint).details.algorithm).toBe('better-half');
    const half = await episodes({ savePath: join(folder, 'better-half'), maxEpisodes: 16 });
    const rest = await episodes({ savePath: join(folder, 'better-rest'), resume: half.checkpoint });
    expect(weightsOf(rest.checkpoint)).toEqual(weightsOf(checkpoint));
  });

  it('has no use for rolloutSteps', async () => {
    const create = (policy: ActorCriticPolicy, context: LearnerContext) =>
      new BetterHalf<EpisodeRollout>(policy, { learningRate: 3e-3 }, context);
    const algorithm = { custom: 'better-half', create, rolloutSteps: 8 };
    await expect(episodes({ algorithm })).rejects.toThrow('give updateInterval, how many');
  });

  it('learns with a language model, told what the reference says if it wants to know', async () => {
    const told: (number | undefined)[] = [];
    const { metrics, checkpoint } = await trainAgent({
      envName: 'CoTEnv-v0',
      envOptions,
      actor: new LMActorNetwork(fromConfig(tinyConfig, { seed: 0 })),
      algorithm: {
        custom: 'better-half',
        needsReference: true,
        create: (policy, context) => {
          const own = new BetterHalf<TokenRollout>(policy, { learningRate: 1e-3 }, context);
          return {
            update: (rollout, options) => {
              told.push(options.referenceLogProbs!.length - rollout.rows);
              return own.update(rollout, options);
            },
            stateDict: () => own.stateDict(),
            loadStateDict: (state) => own.loadStateDict(state),
          };
        },
      },
      numEnvs: 4,
      updateInterval: 8,
      maxEpisodes: 16,
      seed: 1,
      runDirectory: null,
      savePath: folder,
    });
    expect(told).toEqual([0, 0]);
    expect(metrics[1]).toMatchObject({ update: 2, accuracy: expect.any(Number), approxKl: expect.any(Number) });
    expect(checkpoint).toContain('better-half_CoTEnv-v0');
  });
});

/** Makes all weights a little larger or smaller: what it does next depends on a number and a stream. */
class Drift implements Learner<TokenRollout> {
  baseline = 0;
  readonly #policy: TokenPolicy;
  readonly #generator: Generator;

  constructor(policy: TokenPolicy, generator: Generator) {
    this.#policy = policy;
    this.#generator = generator;
  }

  update({ episodes }: TokenRollout): { readonly scale: number } {
    const scale = 1 + 1e-3 * this.#generator.standardNormal() + 1e-2 * (episodes[0]!.return - this.baseline);
    this.baseline = 0.9 * this.baseline + 0.1 * episodes[0]!.return;
    for (const { storage } of this.#policy.parameters()) storage.data.set(storage.data.map((weight) => weight * scale));
    return { scale };
  }
}

describe('an algorithm for a language model', () => {
  const algorithms = {
    'that extends ours': (policy: TokenPolicy, context: LearnerContext) =>
      new BetterHalf<TokenRollout>(
        policy,
        { learningRate: 1e-3, updateEpochs: 2, minibatchSize: 4, klCoef: 0.1 },
        context,
      ),
    'with a baseline and random numbers': (policy: TokenPolicy, { generator }: LearnerContext) =>
      new Drift(policy, generator),
  } satisfies Record<string, (policy: TokenPolicy, context: LearnerContext) => Learner<TokenRollout>>;

  it.each(Object.keys(algorithms) as (keyof typeof algorithms)[])('%s, goes on to the last bit', async (name) => {
    const needsReference = name === 'that extends ours';
    const run = (maxEpisodes: number, resume?: string) =>
      tinyText(join(folder, name, String(resume !== undefined)), {
        algorithm: { custom: 'mine', needsReference, create: algorithms[name] },
        maxEpisodes,
        resume,
      });
    const whole = await run(32);
    const half = await run(16);
    const rest = await run(32, half.checkpoint);
    const timeless = ({ metrics }: typeof whole) =>
      metrics.map(({ seconds: _seconds, stepsPerSecond: _rate, memory: _memory, ...row }) => row);
    expect(timeless(rest)).toEqual(timeless(whole).slice(2));
    expect(rest.policy.stateDict()).toEqual(whole.policy.stateDict());
  });
});

describe('what a custom algorithm gets wrong', () => {
  const doing = (update: (policy: ActorCriticPolicy) => object | void) =>
    steps({
      algorithm: { custom: 'wrong', create: (policy) => ({ update: () => update(policy) }), rolloutSteps: 16 },
      savePath: join(folder, 'wrong'),
    });

  it('names a metric that is no number', async () => {
    await expect(doing(() => ({ loss: tensor([1]) }))).rejects.toThrow(
      "the metric loss of algorithm 'wrong' is an object, but must be a number (of a tensor, its item())",
    );
  });

  it('undoes an update that leaves weights that are not finite', async () => {
    let first: number | undefined;
    const ruins = doing((policy) => {
      const weights = policy.parameters()[0]!.storage.data;
      first ??= weights[0]!;
      weights[0] = Number.NaN;
    });
    await expect(ruins).rejects.toThrow('weight actor.layers.layers.0.weight became NaN');
    const error = (await ruins.catch((reason: unknown) => reason)) as TrainingDivergedError;
    expect(error).toBeInstanceOf(TrainingDivergedError);
    expect(loadPPOAgent(error.checkpoint!).policy.parameters()[0]!.storage.data[0]).toBe(first);
  });

  it('undoes an update that fails in the middle', async () => {
    let first: number | undefined;
    const fails = doing((policy) => {
      const weights = policy.parameters()[0]!.storage.data;
      first ??= weights[0]!;
      weights[0] = 5;
      throw new Error('the target network is gone');
    });
    const error = (await fails.catch((reason: unknown) => reason)) as TrainingFailedError;
    expect(error.message).toContain('the target network is gone');
    expect(loadPPOAgent(error.checkpoint!).policy.parameters()[0]!.storage.data[0]).toBe(first);
  });

  it('says which names there can be, and what create gives', async () => {
    const create = (policy: ActorCriticPolicy) => new A2C(policy, 1e-3);
    await expect(steps({ algorithm: { custom: 'ppo', create } })).rejects.toThrow("cannot be called 'ppo'");
    await expect(steps({ algorithm: { custom: '../up', create } })).rejects.toThrow("cannot be called '../up'");
    await expect(steps({ algorithm: { custom: 'none', create: () => ({}) as Learner<Rollout> } })).rejects.toThrow(
      "create of algorithm 'none' must give an object with a method update",
    );
  });
});
