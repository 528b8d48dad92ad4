import { describe, expect, test } from 'vitest';
import { Box, Dict, Discrete, MultiBinary, MultiDiscrete, Sequence, type Space, Text } from '../../src/env/index.ts';
import { Linear, Module } from '../../src/nn/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import { ActorCriticPolicy, type ActionRows, actionHeadFor, type Network } from '../../src/rl/index.ts';
import { compile } from '../../src/runtime/index.ts';
import { ShapeError, tensor, type Tensor } from '../../src/tensor/index.ts';
import { expectClose } from './recorded.ts';

const observationSpace = new Box({ low: -Infinity, high: Infinity, shape: [3] });

const actionSpaces: readonly Space[] = [
  new Discrete(4, { start: 2 }),
  new MultiDiscrete([2, 3], { start: [1, -1] }),
  new MultiBinary(3),
  new Box({ low: -1, high: 1, shape: [2] }),
];

function policyWith(actionSpace: Space, networks: { actor?: Network; critic?: Network } = {}): ActorCriticPolicy {
  const generator = defaultRng(3);
  const { outputSize } = actionHeadFor(actionSpace);
  return new ActorCriticPolicy({
    observationSpace,
    actionSpace,
    actor: new Linear(3, outputSize, { generator }),
    critic: new Linear(3, 1, { generator }),
    ...networks,
  });
}

function memoryFor({ head }: ActorCriticPolicy, rows: number): ActionRows {
  return head.actionType === 'int32'
    ? new Int32Array(rows * head.actionSize)
    : new Float32Array(rows * head.actionSize);
}

describe.each(actionSpaces.map((space) => [String(space), space] as const))('%s', (_, actionSpace) => {
  const policy = policyWith(actionSpace);
  for (const [name, parameter] of policy.namedParameters()) if (name === 'head.logStd') parameter.set([-0.5, 0.25]);
  const { head } = policy;
  const rows = 40;
  const observations = defaultRng(4).fillNormal(new Float32Array(3 * rows));

  test('acting and learning say the same of an action', () => {
    const actions = memoryFor(policy, rows);
    const logProbs = new Float32Array(rows);
    policy.act(observations, actions, logProbs, 0, defaultRng(5));
    const evaluate = compile((x: Tensor, taken: Tensor) => ({ ...policy.evaluate(x, taken) }));
    const said = evaluate(
      tensor(observations, { shape: [rows, 3] }),
      tensor(actions as Int32Array | Float32Array, { shape: [rows, ...head.actionShape] }),
    );
    expectClose(said.logProbs.dataSync(), logProbs, 2e-6, 'logProbs');
    expectClose(said.values.dataSync(), policy.values(observations), 1e-6, 'values');
  });

  test('actions are as frequent as they are likely, and spread over the rows they are asked for', () => {
    const draws = 20_000;
    const outputs = Float32Array.from({ length: 2 * head.outputSize }, (__, i) => Math.sin(i));
    const actions = memoryFor(policy, draws + 1);
    const generator = defaultRng(6);
    let entropy = 0;
    for (let i = 1; i <= draws; i++) entropy -= head.sample(outputs, 1, actions, i, generator) / draws;
    expect([...actions.subarray(0, head.actionSize)].every((action) => action === 0)).toBe(true);
    // The mean of -log p is the entropy, and the mean of each part of an action is known.
    const own = outputs.subarray(head.outputSize);
    const expected = compile(() => head.distribution(tensor(own, { shape: [1, head.outputSize] })).entropy())();
    expect(Math.abs(entropy - expected.item())).toBeLessThan(4 / Math.sqrt(draws));
    const means = Array.from({ length: head.actionSize }, (__, k) => {
      let sum = 0;
      for (let i = 1; i <= draws; i++) sum += actions[i * head.actionSize + k]!;
      return sum / draws;
    });
    meansOf(actionSpace, own).forEach((mean, k) => {
      expect(Math.abs(means[k]! - mean)).toBeLessThan(5 / Math.sqrt(draws));
    });
  });

  test('without a generator it is the likeliest action', () => {
    const actions = memoryFor(policy, 1);
    const outputs = Float32Array.from({ length: head.outputSize }, (__, i) => Math.cos(2 * i));
    const logProb = head.sample(outputs, 0, actions, 0, null);
    const others = memoryFor(policy, 1);
    const generator = defaultRng(7);
    for (let i = 0; i < 100; i++) expect(head.sample(outputs, 0, others, 0, generator)).toBeLessThanOrEqual(logProb);
  });

  test('the same draws for the same seed', () => {
    const twice = [1, 2].map(() => {
      const actions = memoryFor(policy, rows);
      policy.act(observations, actions, new Float32Array(rows), 0, defaultRng(8));
      return actions;
    });
    expect(twice[0]).toEqual(twice[1]);
  });
});

/** The mean of each part of an action, from the definitions. */
function meansOf(space: Space, outputs: Float32Array): number[] {
  const mean = (logits: Float32Array): number => {
    const weights = Array.from(logits, Math.exp);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.reduce((sum, weight, k) => sum + (k * weight) / total, 0);
  };
  if (space instanceof Discrete) return [mean(outputs)];
  if (space instanceof MultiDiscrete) return [mean(outputs.subarray(0, 2)), mean(outputs.subarray(2, 5))];
  if (space instanceof MultiBinary) return Array.from(outputs, (logit) => 1 / (1 + Math.exp(-logit)));
  return [...outputs];
}

test('a choice that is certain, or hopeless, stays finite', () => {
  const head = actionHeadFor(new Discrete(3));
  const actions = new Int32Array(1);
  expect(head.sample(Float32Array.of(1000, 0, -1000), 0, actions, 0, defaultRng(1))).toBe(0);
  const coins = actionHeadFor(new MultiBinary(2));
  const sides = new Int32Array(2);
  expect(coins.sample(Float32Array.of(1000, -1000), 0, sides, 0, defaultRng(1))).toBeCloseTo(0, 12);
  expect([...sides]).toEqual([1, 0]);
});

test('values of any number of rows', () => {
  const policy = policyWith(new Discrete(2));
  const observations = defaultRng(9).fillNormal(new Float32Array(3 * 700));
  const all = policy.values(observations);
  const pieces = [0, 1, 256, 600].map((from, i, starts) =>
    policy.values(observations.subarray(3 * from, 3 * (starts[i + 1] ?? 700))),
  );
  expectClose(all, Float32Array.from(pieces.flatMap((piece) => [...piece])), 1e-6);
  expect(policy.values(new Float32Array(0)).length).toBe(0);
});

describe('what does not fit', () => {
  class Wrong extends Module {
    readonly layer = new Linear(3, 2);
    readonly #forward: (x: Tensor) => Tensor;

    constructor(forward: (x: Tensor) => Tensor) {
      super();
      this.#forward = forward;
    }

    forward(x: Tensor): Tensor {
      return this.#forward(this.layer.forward(x));
    }
  }

  const acts = (policy: ActorCriticPolicy) => () => {
    policy.act(new Float32Array(12), new Int32Array(4), new Float32Array(4), 0, null);
  };

  test('an actor with too many outputs', () => {
    const act = acts(policyWith(new Discrete(5), { actor: new Wrong((x) => x) }));
    expect(act).toThrow(ShapeError);
    expect(act).toThrow('the actor gives shape [4, 2] for 4 observations, but [4, 5] is needed');
  });

  test('a critic with too many outputs', () => {
    const policy = policyWith(new Discrete(2), { critic: new Wrong((x) => x) });
    expect(() => policy.values(new Float32Array(3))).toThrow(/the critic gives shape \[32, 2\].*\[32, 1\] is needed/);
  });

  test('a critic that gives one axis of the wrong length', () => {
    const policy = policyWith(new Discrete(2), { critic: new Wrong((x) => x.reshape([-1])) });
    expect(() => policy.values(new Float32Array(3))).toThrow(/the critic gives shape \[64\].*\[32\] is needed/);
  });

  test('but a critic may leave out its last axis', () => {
    const critic = new Wrong((x) => x.sum({ axis: -1 }));
    expect(policyWith(new Discrete(2), { critic }).values(new Float32Array(6)).length).toBe(2);
  });

  test.each([
    new Box({ low: 0, high: 3, shape: [2], dtype: 'int64' }),
    new Dict({ a: new Discrete(2) }),
    new Text({ maxLength: 3 }),
  ])('no way to act in %s', (space) => {
    expect(() => actionHeadFor(space)).toThrow(/no action distribution for .*Discrete.*TransformAction/);
  });

  test('observations of no fixed size', () => {
    const sequence = new Sequence(new Discrete(2));
    const networks = { actor: new Linear(2, 2), critic: new Linear(2, 1) };
    expect(
      () => new ActorCriticPolicy({ observationSpace: sequence, actionSpace: new Discrete(2), ...networks }),
    ).toThrow(/have no fixed size/);
  });
});
