import { describe, expect, test, vi } from 'vitest';
import { Box, Discrete } from '../../src/env/index.ts';
import { gradientAssignments, Linear, Module, Optimizer, type Parameter } from '../../src/nn/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import {
  ActorCriticPolicy,
  NonFiniteError,
  PPO,
  type PPOConfig,
  resolvePPOConfig,
  type Rollout,
} from '../../src/rl/index.ts';
import { surrogateLoss } from '../../src/rl/surrogate.ts';
import { compile, engine } from '../../src/runtime/index.ts';
import { full, tensor, type Tensor } from '../../src/tensor/index.ts';
import { learnerFor, policyFor, vectorOf, weightsOf } from './agents.ts';
import { ScriptedEnv, type Script } from './environments.ts';
import { expectClose } from './recorded.ts';

const actionSpace = new Discrete(3);

function scripted(config: PPOConfig, script: Script = {}, numEnvs = 2) {
  return learnerFor(
    vectorOf(() => new ScriptedEnv({ actionSpace, ...script }), numEnvs),
    config,
  );
}

describe('bad numbers stop before the weights', () => {
  const config = { minibatchSize: -1, updateEpochs: 3, lrActor: 0.01 };

  test.each([
    ['a reward that is not a number', { reward: () => Number.NaN }],
    ['an endless reward', { reward: () => Number.POSITIVE_INFINITY }],
    ['a reward beyond float32', { reward: (_: number, step: number) => (step === 2 ? 1e300 : 0) }],
    [
      'an observation that is not a number',
      { observe: (_: number, step: number) => Float32Array.of(0, step === 2 ? Number.NaN : 1, 1) },
    ],
  ])('%s', async (_, script) => {
    const { collector, ppo, policy } = scripted(config, { ...script, lengths: [4] });
    const before = weightsOf(policy);
    const error = await ppo.update(await collector.collect({ steps: 8 })).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NonFiniteError);
    const { metric, message } = error as NonFiniteError;
    expect(['policyLoss', 'valueLoss']).toContain(metric);
    expect(message).toMatch(new RegExp(`^${metric} became (NaN|-?Infinity): .*learning rate.*rewards.*environment`));
    expect(weightsOf(policy)).toEqual(before);
    expect(ppo.stateDict().stepCount).toBe(0);
  });

  test('a learning rate that throws the weights far out', async () => {
    const far = { ...config, lrActor: 1e30 };
    const once = scripted({ ...far, updateEpochs: 1 });
    await once.ppo.update(await once.collector.collect({ steps: 8 }));
    const again = scripted(far);
    const update = again.ppo.update(await again.collector.collect({ steps: 8 }));
    await expect(update).rejects.toThrow(NonFiniteError);
    // The first step was still good, the second was not taken.
    expect(again.ppo.stateDict().stepCount).toBe(1);
    expect(weightsOf(again.policy)).toEqual(weightsOf(once.policy));
  });

  test('and the next rollout may be better', async () => {
    let reward = Number.NaN;
    // 17 steps of one environment: one short of what their program takes, so that something is left to fill up.
    const { collector, ppo, policy } = scripted(config, { reward: () => reward }, 1);
    await expect(ppo.update(await collector.collect({ steps: 18 }))).rejects.toThrow(NonFiniteError);
    reward = 1;
    const before = weightsOf(policy);
    const metrics = await ppo.update(await collector.collect({ steps: 17 }));
    expect(Object.values(metrics).every(Number.isFinite)).toBe(true);
    expect(weightsOf(policy)).not.toEqual(before);
  });
});

describe('bad numbers that are passed over', () => {
  const config = { minibatchSize: -1, updateEpochs: 3, lrActor: 0.01, onNonFinite: 'skip' } as const;

  test('leave the weights alone, and are counted', async () => {
    let reward = Number.NaN;
    const { collector, ppo, policy } = scripted(config, { reward: () => reward, lengths: [4] });
    const before = weightsOf(policy);
    const metrics = await ppo.update(await collector.collect({ steps: 8 }));
    expect(metrics.skippedSteps).toBe(3);
    expect(weightsOf(policy)).toEqual(before);
    expect(ppo.stateDict().stepCount).toBe(0);
    reward = 1;
    expect(await ppo.update(await collector.collect({ steps: 8 }))).toMatchObject({ skippedSteps: 0 });
    expect(weightsOf(policy)).not.toEqual(before);
  });

  test('of some minibatches: the others are learned from, and the means are theirs', async () => {
    // So much that the square of the error is beyond float32.
    const script = { lengths: [1, 2], reward: (_: number, step: number) => (step === 1 ? 1e30 : 1) };
    const one = { ...config, updateEpochs: 1, minibatchSize: 1, normalizeAdvantages: false };
    const { collector, ppo } = scripted(one, script, 1);
    const metrics = await ppo.update(await collector.collect({ steps: 12 }));
    expect(metrics.skippedRows).toBe(0);
    expect(metrics.skippedSteps).toBeGreaterThan(0);
    expect(ppo.stateDict().stepCount).toBe(12 - metrics.skippedSteps);
    expect(ppo.stateDict().stepCount).toBeGreaterThan(0);
    expect([metrics.policyLoss, metrics.gradNorm, metrics.ratio].every(Number.isFinite)).toBe(true);
  });

  test('of gradients: what there would be to say of that minibatch is left out too', async () => {
    const learned = async (updateEpochs: number) => {
      const { collector, ppo } = scripted({ ...config, updateEpochs });
      return ppo.update(await collector.collect({ steps: 8 }));
    };
    const once = await learned(1);
    const step = Optimizer.prototype.step;
    let taken = 0;
    const spy = vi.spyOn(Optimizer.prototype, 'step').mockImplementation(function (this: Optimizer, options) {
      return ++taken > 1 ? { gradNorm: Number.POSITIVE_INFINITY } : step.call(this, options);
    });
    expect(await learned(3)).toEqual({ ...once, epochs: 3, skippedSteps: 2 });
    spy.mockRestore();
  });

  test.each(['reward', 'observation'])('of a %s: that step is left out, and the episode cut off there', async (of) => {
    const learner = () => scripted({ ...config, normalizeAdvantages: false }, { lengths: [16] }, 1);
    const [spoiled, whole] = [learner(), learner()];
    const rollout = await spoiled.collector.collect({ steps: 12 });
    const last = of === 'reward' ? 5 : 4;
    const cut: Rollout = {
      ...rollout,
      rewards: rollout.rewards.slice(),
      observations: rollout.observations.slice(),
      valid: rollout.valid.map((_, row) => (row > last && row <= 6 ? 0 : 1)),
      truncated: rollout.truncated.with(last, 1),
      finalObservations: rollout.observations.slice(3 * (last + 1), 3 * (last + 2)),
      finalRows: [last],
    };
    if (of === 'reward') rollout.rewards[6] = Number.POSITIVE_INFINITY;
    else rollout.observations[3 * 6 + 1] = Number.POSITIVE_INFINITY;
    const metrics = await spoiled.ppo.update(rollout);
    expect(metrics).toMatchObject({ skippedRows: 6 - last, skippedSteps: 0 });
    expect(await whole.ppo.update(cut)).toEqual({ ...metrics, skippedRows: 0 });
    expect(weightsOf(spoiled.policy)).toEqual(weightsOf(whole.policy));
  });

  test('stop after ten in a row, whatever rollout they are of', async () => {
    const { collector, ppo } = scripted(config, { reward: () => Number.NaN });
    for (let i = 0; i < 3; i++) await ppo.update(await collector.collect({ steps: 4 }));
    const update = ppo.update(await collector.collect({ steps: 4 }));
    await expect(update).rejects.toThrow(/became NaN, after 10 skipped steps in a row/);
  });
});

describe('epochs and minibatches', () => {
  const stepsFor = async (config: PPOConfig, steps = 10): Promise<number> => {
    const { collector, ppo } = scripted(config, {}, 1);
    await ppo.update(await collector.collect({ steps }));
    return ppo.stateDict().stepCount;
  };

  test.each([
    [10, 1],
    [-1, 1],
    [1000, 1],
    [5, 2],
    [4, 3],
    [9, 2],
    [1, 10],
  ])('10 rows in minibatches of %i make %i steps an epoch', async (minibatchSize, expected) => {
    expect(await stepsFor({ minibatchSize, updateEpochs: 3 })).toBe(3 * expected);
  });

  test('minibatches that do not fill their program learn as if they did', async () => {
    // The eighteenth step only resets the environment.
    const env = vectorOf(() => new ScriptedEnv({ actionSpace, lengths: [17] }), 1, 'next-step');
    const long = await learnerFor(env, {}).collector.collect({ steps: 18 });
    expect([...long.valid]).toEqual(Array.from({ length: 18 }, (_, row) => (row < 17 ? 1 : 0)));
    const cut: Rollout = {
      ...long,
      rows: 17,
      observations: long.observations.subarray(0, 51),
      actions: long.actions.subarray(0, 17),
      ...Object.fromEntries(
        (['logProbs', 'rewards', 'terminated', 'truncated', 'valid'] as const).map((key) => [
          key,
          long[key].subarray(0, 17),
        ]),
      ),
      nextObservations: long.observations.slice(51),
    };
    const learned = async (rollout: Rollout, minibatchSize: number) => {
      const { ppo, policy } = scripted({ minibatchSize, updateEpochs: 3, lrActor: 0.01 }, {}, 1);
      const metrics = await ppo.update(rollout);
      return { metrics, weights: weightsOf(policy) };
    };
    // 17 rows in a program for 17, and in one for 18.
    const [exact, filled] = [await learned(long, 17), await learned(cut, -1)];
    expectClose(filled.weights, exact.weights, 1e-6, 'weights');
    for (const [key, value] of Object.entries(exact.metrics)) {
      expectClose([filled.metrics[key as keyof typeof filled.metrics]], [value], 1e-5, key);
    }
    // Two minibatches, of 16 rows and of 1.
    const split = await learned(cut, 16);
    expect(Math.max(...split.weights.map((w, i) => Math.abs(w - exact.weights[i]!)))).toBeGreaterThan(1e-4);
  });

  test('targetKl leaves out the epochs after the one that went too far', async () => {
    const config = { updateEpochs: 6, minibatchSize: 8, lrActor: 0.05 };
    const epochs = async (targetKl: number | null) => {
      const { collector, ppo } = scripted({ ...config, targetKl });
      return (await ppo.update(await collector.collect({ steps: 8 }))).epochs;
    };
    expect(await epochs(null)).toBe(6);
    expect(await epochs(1e9)).toBe(6);
    expect(await epochs(1e-12)).toBe(1);
    const between = await epochs(0.05);
    expect(between).toBeGreaterThan(1);
    expect(between).toBeLessThan(6);
  });
});

describe('learning rates', () => {
  const update = async (config: PPOConfig, progress?: number) => {
    const { collector, ppo, policy } = scripted({ minibatchSize: 8, updateEpochs: 2, ...config });
    const before = policy.stateDict();
    const rollout = await collector.collect({ steps: 8 });
    const metrics = await ppo.update(rollout, progress === undefined ? {} : { progress });
    const moved = [...policy.namedParameters()].filter(
      ([name, { storage }]) => !before.get(name)!.data.every((x, i) => x === storage.data[i]),
    );
    return { metrics, moved: new Set(moved.map(([name]) => name.split('.')[0])) };
  };

  test('fall with the run, and so does the clip range', async () => {
    const config = { lrActor: 0.01, lrSchedule: 'linear', epsClip: 0.4, epsClipSchedule: 'linear' } as const;
    for (const [progress, lr, clip] of [
      [undefined, 0.01, 0.4],
      [0.75, 0.0025, 0.1],
      [1, 0, 0],
      [1.5, 0, 0],
    ] as const) {
      const { metrics, moved } = await update(config, progress);
      expect(metrics.learningRate).toBeCloseTo(lr, 12);
      expect(metrics.epsClip).toBeCloseTo(clip, 12);
      expect(moved.size > 0).toBe(lr > 0);
    }
  });

  test('stay, if they are not told to fall', async () => {
    const { metrics } = await update({ lrActor: 0.01, epsClip: 0.3 }, 0.9);
    expect([metrics.learningRate, metrics.epsClip]).toEqual([0.01, 0.3]);
  });

  test('are one for the actor and one for the critic', async () => {
    expect((await update({ lrActor: 0.01 })).moved).toEqual(new Set(['actor', 'critic']));
    expect((await update({ lrActor: 0.01, lrCritic: 0 })).moved).toEqual(new Set(['actor']));
    expect((await update({ lrActor: 0, lrCritic: 0.01 })).moved).toEqual(new Set(['critic']));
  });
});

test('a state that was saved goes on as if nothing had been', async () => {
  const config = { minibatchSize: 8, lrActor: 0.01 };
  const first = scripted(config);
  await first.ppo.update(await first.collector.collect({ steps: 8 }));
  const rollout = await first.collector.collect({ steps: 8 });
  const [weights, state] = [first.policy.stateDict(), first.ppo.stateDict()];

  const results = [];
  for (let i = 0; i < 2; i++) {
    const policy = policyFor(
      vectorOf(() => new ScriptedEnv({ actionSpace })),
      { seed: 50 + i },
    );
    const ppo = new PPO(policy, resolvePPOConfig(config, 2), { generator: defaultRng(9) });
    policy.loadStateDict(weights);
    ppo.loadStateDict(state);
    results.push(await ppo.update(rollout), weightsOf(policy), ppo.stateDict());
  }
  expect(results.slice(3)).toEqual(results.slice(0, 3));
  expect((results[2] as typeof state).stepCount).toBe(2 * state.stepCount);
});

describe('parameters', () => {
  class Head extends Module {
    readonly trunk: Linear;
    readonly output: Linear;

    constructor(trunk: Linear, outputs: number) {
      super();
      this.trunk = trunk;
      this.output = new Linear(4, outputs, { generator: defaultRng(outputs) });
    }

    forward(x: Tensor): Tensor {
      return this.output.forward(this.trunk.forward(x).tanh());
    }
  }

  function policyWithTrunk(): ActorCriticPolicy {
    const trunk = new Linear(3, 4, { generator: defaultRng(1) });
    const observationSpace = new Box({ low: -Infinity, high: Infinity, shape: [3] });
    return new ActorCriticPolicy({
      observationSpace,
      actionSpace,
      actor: new Head(trunk, 3),
      critic: new Head(trunk, 1),
    });
  }

  test('that actor and critic share are listed once', () => {
    expect([...policyWithTrunk().namedParameters().keys()]).toEqual([
      'actor.trunk.weight',
      'actor.trunk.bias',
      'actor.output.weight',
      'actor.output.bias',
      'critic.output.weight',
      'critic.output.bias',
    ]);
  });

  test('that they share learn at the rate of the actor', async () => {
    const policy = policyWithTrunk();
    const before = policy.stateDict();
    const env = vectorOf(() => new ScriptedEnv({ actionSpace }));
    const { ppo, collector } = learnerFor(env, { lrActor: 0, lrCritic: 0.01 }, { policy });
    await ppo.update(await collector.collect({ steps: 16 }));
    const moved = [...policy.stateDict()].filter(
      ([name, { data }]) => !data.every((x, i) => x === before.get(name)!.data[i]),
    );
    expect(moved.map(([name]) => name)).toEqual(['critic.output.weight', 'critic.output.bias']);
  });

  test('that they share get the gradients of both', () => {
    const policy = policyWithTrunk();
    const generator = defaultRng(2);
    const rows = 12;
    const column = (): Tensor => tensor(generator.fillNormal(new Float32Array(rows)));
    const observations = tensor(generator.fillNormal(new Float32Array(3 * rows)), { shape: [rows, 3] });
    const actions = tensor(Int32Array.from({ length: rows }, (_, i) => i % 3));
    const oldLogProbs = full([rows], -Math.log(3));
    const columns = { advantages: column(), limits: full([rows], 100), returns: column(), oldValues: column() };
    const parameters = policy.parameters();
    const program = compile(() => {
      const evaluation = policy.evaluate(observations, actions);
      const loss = surrogateLoss(
        { ...evaluation, ...columns, oldLogProbs, referenceLogProbs: oldLogProbs, weights: full([rows], 1 / rows) },
        { valueClip: null, valueCoef: 0.5, entropyCoef: 0.1, klCoef: 0 },
      );
      return { loss, gradients: gradientAssignments(loss, parameters) };
    });
    const loss = (): number => program().loss.item();
    loss();
    const gradients = parameters.map(({ gradient }) => gradient.data.slice());
    const step = 1 / 64;
    const slope = ({ storage: { data } }: Parameter, i: number): number => {
      const at = data[i]!;
      data[i] = at + step;
      const above = loss();
      data[i] = at - step;
      const below = loss();
      data[i] = at;
      return (above - below) / (2 * step);
    };
    parameters.forEach((parameter, p) => {
      const slopes = Array.from(parameter.storage.data, (_, i) => slope(parameter, i));
      expectClose(gradients[p]!, slopes, 1e-3, parameter.name);
    });
    expect(Math.max(...gradients[0]!.map(Math.abs))).toBeGreaterThan(0.05);
  });

  test('that are frozen stay as they are', async () => {
    const policy = policyWithTrunk();
    (policy.actor as Head).trunk.freeze();
    const before = policy.stateDict();
    const env = vectorOf(() => new ScriptedEnv({ actionSpace }));
    const { ppo, collector } = learnerFor(env, { lrActor: 0.01, lrCritic: 0.02 }, { policy });
    await ppo.update(await collector.collect({ steps: 16 }));
    for (const [name, { data }] of policy.stateDict()) {
      if (name.startsWith('actor.trunk')) expect(data, name).toEqual(before.get(name)!.data);
      else expect(data, name).not.toEqual(before.get(name)!.data);
    }
  });

  test('that are all frozen have nothing to learn', () => {
    const policy = policyWithTrunk();
    policy.freeze();
    expect(() => new PPO(policy, resolvePPOConfig({}, 1), { generator: defaultRng(1) })).toThrow(
      /no parameters to train/,
    );
  });
});

test('rollouts of many lengths share few programs', async () => {
  const { collector, ppo } = scripted({ minibatchSize: -1, updateEpochs: 1 }, {}, 1);
  await ppo.update(await collector.collect({ steps: 63 }));
  const loads = vi.spyOn(engine(), 'load');
  for (let steps = 64; steps < 128; steps++) await ppo.update(await collector.collect({ steps }));
  // Of 72, 80, .. 128 rows; that of 64 is there.
  expect(loads).toHaveBeenCalledTimes(8);
  loads.mockRestore();
});

test('memory stays what it is over thousands of rollouts of many lengths', async () => {
  const env = vectorOf(() => new ScriptedEnv({ actionSpace }), 2, 'next-step');
  const { collector, ppo } = learnerFor(env, { minibatchSize: -1, updateEpochs: 1 });
  const run = async (updates: number) => {
    for (let i = 0; i < updates; i++) await ppo.update(await collector.collect({ episodes: 1 + (i % 20) }));
    return process.memoryUsage().rss / 2 ** 20;
  };
  const before = await run(1000);
  const after = await run(5000);
  // Measured: 5 to 10 MB. Memory bound anew for each rollout, and not freed, would be over 50.
  expect(after - before).toBeLessThan(32);
});
