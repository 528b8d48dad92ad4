import { describe, expect, test } from 'vitest';
import type { Env } from '../../src/env/index.ts';
import { gradientAssignments } from '../../src/nn/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import {
  EpisodeCollector,
  GRPO,
  PPO,
  resolvePPOConfig,
  type TokenPolicy,
  type TokenRollout,
} from '../../src/rl/index.ts';
import { compile } from '../../src/runtime/index.ts';
import type { Tensor } from '../../src/tensor/index.ts';
import { expectClose } from './recorded.ts';
import { AnswerEnv, GrowingPromptEnv, TalkEnv, tinyPolicy, tokenizer } from './token-agents.ts';

function collectorOf(
  policy: TokenPolicy,
  slots = 3,
  make: () => Env = () => new TalkEnv(),
): EpisodeCollector<TokenRollout> {
  const envs = Array.from({ length: slots }, make);
  return new EpisodeCollector(envs, policy, { generator: defaultRng(5), seeds: defaultRng(6) });
}

/** What the policy says of a rollout when it learns, row by row. */
function evaluated(policy: TokenPolicy, rollout: TokenRollout, units = policy.units(rollout), size = units.length) {
  const layout = policy.layout(rollout, units, size);
  const program = compile(
    (...inputs: Tensor[]) => {
      const { logProbs, values } = policy.evaluateLayout(inputs);
      return { logProbs, values: values ?? ([] as const) };
    },
    { threads: 1 },
  ).bind(...layout.types);
  layout.fill(program.arguments);
  program.run();
  const { logProbs: said, values: worth } = program.results as unknown as Record<'logProbs' | 'values', Float32Array>;
  const logProbs = new Float32Array(rollout.rows).fill(Number.NaN);
  const values = new Float32Array(rollout.rows).fill(Number.NaN);
  layout.rows.forEach((row, i) => {
    if (row < 0) return;
    expect(logProbs[row]).toBeNaN();
    logProbs[row] = said[i]!;
    if (worth.length > 0) values[row] = worth[i]!;
  });
  return { logProbs, values, layout };
}

describe('acting and learning agree', () => {
  // The cache and its slots against one pass over whole texts: ragged prompts, several turns, slots that are used again.
  test.each([
    { slots: 1, temperature: 1, groupSize: 1 },
    { slots: 3, temperature: 0.7, groupSize: 1 },
    { slots: 5, temperature: 1.6, groupSize: 4 },
    { slots: 4, temperature: 0.5, groupSize: 12 },
  ])('%o', async ({ slots, temperature, groupSize }) => {
    const policy = tinyPolicy({ temperature });
    const rollout = await collectorOf(policy, slots).collect({ episodes: 12, groupSize });
    expect(rollout.sequences.some(({ positions }) => positions.at(-1)! - positions[0]! >= positions.length)).toBe(true);
    expectClose(evaluated(policy, rollout).logProbs, rollout.logProbs, 1e-4, 'logProbs');
    expect(new Set(Array.from(rollout.logProbs, (p) => p.toFixed(3))).size).toBeGreaterThan(10);
  });

  test('after an update too: nothing of the old weights is left in the slots', async () => {
    const policy = tinyPolicy();
    const collector = collectorOf(policy);
    const grpo = new GRPO(policy, { learningRate: 0.01 }, { generator: defaultRng(1) });
    for (let i = 0; i < 2; i++) await grpo.update(await collector.collect({ episodes: 8, groupSize: 4 }));
    const rollout = await collector.collect({ episodes: 8, groupSize: 4 });
    expectClose(evaluated(policy, rollout).logProbs, rollout.logProbs, 1e-4, 'logProbs');
  });

  test('after a change of weights too, where a prompt goes on from what a slot held before it', async () => {
    const policy = tinyPolicy();
    const collector = collectorOf(policy, 1, () => new GrowingPromptEnv());
    await collector.collect({ episodes: 1 });
    for (const { storage } of policy.parameters()) storage.data.forEach((x, i) => (storage.data[i] = 1.1 * x));
    const rollout = await collector.collect({ episodes: 1 });
    expectClose(evaluated(policy, rollout).logProbs, rollout.logProbs, 1e-4, 'logProbs');
  });

  test('a slot that rested is no stale twin of one that begins, whatever the temperature', () => {
    const policy = tinyPolicy({ temperature: 0.5 });
    const act = (slots: ReturnType<TokenPolicy['slots']>, observations: (number[] | null)[]): Float32Array => {
      const logProbs = new Float32Array(2);
      slots.act(observations, new Int32Array(2), logProbs, null);
      return logProbs;
    };
    const slots = policy.slots(2, 8);
    const first = act(slots, [[4, 5], null])[0]!;
    for (let i = 0; i < 3; i++) act(slots, [null, [6, 7, 8].slice(0, i + 1)]);
    expect(act(slots, [null, [4, 5]])[1]!).toBeCloseTo(first, 6);
    expect(() => act(slots, [Array.from({ length: 9 }, () => 4), null])).toThrow('longer than the 8');
    slots.release();
  });
});

test("only the policy's own tokens are learned from", async () => {
  const policy = tinyPolicy();
  const rollout = await collectorOf(policy).collect({ episodes: 10 });
  const { layout } = evaluated(policy, rollout);
  const time = layout.rows.length / 10;
  let row = 0;
  rollout.sequences.forEach(({ tokens, positions, firstRow }, b) => {
    const { info, length } = rollout.episodes[b]!;
    const prompt = tokenizer.encode(info['prompt'] as string, { addSpecialTokens: false });
    const inserted = (info['insertedTokens'] as number[] | undefined) ?? [];
    const own = Array.from(tokens, (_, i) => i >= prompt.length && !inserted[i - prompt.length]);
    expect([...positions]).toEqual(own.flatMap((mine, i) => (mine ? [i] : [])));
    expect([firstRow, positions.length, info['generatedTokens']]).toEqual([row, length, length]);
    // An entry stands where its token is still to come.
    for (let t = 0; t < time; t++) expect(layout.rows[b * time + t]).toBe(own[t + 1] ? row++ : -1);
  });
  expect(row).toBe(rollout.rows);
});

test('padding changes nothing, and a batch is the weighted sum of its parts', async () => {
  const policy = tinyPolicy();
  const rollout = await collectorOf(policy).collect({ episodes: 8 });
  const all = policy.units(rollout);
  const parameters = policy.parameters();
  const weights = Float32Array.from({ length: rollout.rows }, (_, row) => Math.sin(row));
  /** The gradient of the weighted sum of log-probabilities. */
  const gradientOf = (units: Int32Array, size: number): Float64Array => {
    const layout = policy.layout(rollout, units, size);
    const program = compile(
      (ids: Tensor, next: Tensor, w: Tensor) => {
        const loss = policy.evaluateLayout([ids, next]).logProbs.mul(w).sum();
        return { loss, gradients: gradientAssignments(loss, parameters) };
      },
      { threads: 1 },
    ).bind(layout.types[0]!, layout.types[1]!, { shape: [layout.rows.length], dtype: 'float32' });
    layout.fill(program.arguments.slice(0, 2));
    program.arguments[2]!.set(Array.from(layout.rows, (row) => (row < 0 ? 0 : weights[row]!)));
    program.run();
    return Float64Array.from(parameters.flatMap(({ gradient }) => [...gradient.data]));
  };
  const whole = gradientOf(all, 8);
  const scale = Math.max(...whole.map(Math.abs));
  const expectSame = (other: Float64Array): void =>
    expectClose(
      other.map((x) => x / scale),
      whole.map((x) => x / scale),
      1e-5,
      'gradient',
    );
  expectSame(gradientOf(all, 13));
  const sum = new Float64Array(whole.length);
  for (const units of [all.slice(0, 1), all.slice(1, 4), all.slice(4)]) {
    gradientOf(units, units.length).forEach((x, i) => (sum[i]! += x));
  }
  expectSame(sum);
});

describe.each(['shared', 'own'] as const)('a critic on a trunk that is %s', (critic) => {
  test('says what each text so far is worth, and nothing of what lies beyond its end', async () => {
    const policy = tinyPolicy({ critic });
    // More sequences than are valued at a time.
    const rollout = await collectorOf(policy).collect({ episodes: 20 });
    expect(new Set(rollout.episodes.map(({ terminated }) => terminated)).size).toBe(2);
    const { values, nextValues } = await policy.stateValues(rollout);
    expectClose(values, evaluated(policy, rollout).values, 1e-5, 'values');
    for (const { firstRow, length } of rollout.episodes) {
      expect([...nextValues.subarray(firstRow, firstRow + length)]).toEqual([
        ...values.subarray(firstRow + 1, firstRow + length),
        0,
      ]);
    }
    // Straight from the networks, for one text.
    const { tokens, positions, firstRow } = rollout.sequences[3]!;
    const program = compile((ids: Tensor) => policy.critic!.forward(ids)).bind({
      shape: [1, tokens.length],
      dtype: 'int32',
    });
    program.arguments[0]!.set(tokens);
    program.run();
    const said = program.results as Float32Array;
    expectClose(
      values.subarray(firstRow, firstRow + positions.length),
      Array.from(positions, (p) => said[p - 1]!),
      1e-4,
    );
  });

  test('learns at its own rate', async () => {
    const policy = tinyPolicy({ critic });
    const rollout = await collectorOf(policy).collect({ episodes: 8 });
    const names = policy.namedParameters();
    const before = new Map([...names].map(([name, { storage }]) => [name, storage.data.slice()]));
    const config = resolvePPOConfig({ lrActor: 1e-12, lrCritic: 1e-2, updateEpochs: 1 }, 1);
    await new PPO(policy, config, { generator: defaultRng(1) }).update(rollout);
    for (const [name, { storage }] of names) {
      const moved = Math.max(...storage.data.map((x, i) => Math.abs(x - before.get(name)![i]!)));
      if (name === 'critic.score.weight') expect(moved).toBeGreaterThan(1e-3);
      if (name.startsWith('actor.')) expect(moved).toBeLessThan(1e-6);
    }
  });
});

test('a policy without a critic says so to PPO', async () => {
  const policy = tinyPolicy();
  const rollout = await collectorOf(policy).collect({ episodes: 2 });
  await expect(policy.stateValues(rollout)).rejects.toThrow('give it an LMCriticNetwork');
});

test('PPO leaves out a text of which a reward is no number, where it may, and learns from the others', async () => {
  const learned = async (change: (rollout: TokenRollout) => void) => {
    const policy = tinyPolicy({ critic: 'shared' });
    const rollout = await collectorOf(policy).collect({ episodes: 4 });
    change(rollout);
    const config = resolvePPOConfig({ lrActor: 1e-3, updateEpochs: 1, minibatchSize: -1, onNonFinite: 'skip' }, 1);
    const metrics = await new PPO<TokenRollout>(policy, config, { generator: defaultRng(1) }).update(rollout);
    return { metrics, weights: policy.stateDict() };
  };
  const spoiled = await learned(({ rewards, episodes }) => (rewards[episodes[1]!.firstRow] = Number.NaN));
  const without = await learned(({ valid, episodes: [, { firstRow, length }] }) => {
    valid.fill(0, firstRow, firstRow + length);
  });
  expect(spoiled.metrics).toMatchObject({ skippedRows: 1, skippedSteps: 0, policyLoss: without.metrics.policyLoss });
  expect(spoiled.weights).toEqual(without.weights);
  // Of each text a row: nothing is left.
  const none = await learned(({ rewards, episodes }) => {
    for (const { firstRow } of episodes) rewards[firstRow] = Number.NaN;
  });
  expect(none.metrics).toMatchObject({ skippedRows: 4, skippedSteps: 1 });
});

/** Learns in a few updates; how often the answers are right, then and at the end, and the weights. */
async function learn(algorithm: 'ppo' | 'grpo', { updates = 12, seed = 1 } = {}) {
  const policy = tinyPolicy({ seed, critic: algorithm === 'ppo' ? 'shared' : 'none', scale: 1 });
  const collector = collectorOf(policy, 16, () => new AnswerEnv());
  const generator = defaultRng(seed);
  const learner =
    algorithm === 'ppo'
      ? new PPO<TokenRollout>(
          policy,
          resolvePPOConfig({ lrActor: 3e-3, updateEpochs: 4, minibatchSize: 64, entropyCoef: 0 }, 1),
          { generator },
        )
      : new GRPO<TokenRollout>(policy, { learningRate: 3e-3, updateEpochs: 4 }, { generator });
  const right: number[] = [];
  for (let i = 0; i < updates; i++) {
    const rollout = await collector.collect({ episodes: 64, groupSize: algorithm === 'grpo' ? 16 : 1 });
    right.push(rollout.rewards.reduce((sum, reward) => sum + reward, 0) / 64);
    await learner.update(rollout);
  }
  return { policy, right, weights: policy.parameters().flatMap(({ storage }) => [...storage.data]) };
}

describe.each(['ppo', 'grpo'] as const)('%s', (algorithm) => {
  test('teaches a small GPT what to answer', async () => {
    const { policy, right } = await learn(algorithm, { updates: 30 });
    expect(right[0]).toBeLessThan(0.3);
    const rollout = await collectorOf(policy, 16, () => new AnswerEnv()).collect({ episodes: 48, deterministic: true });
    expect(rollout.rewards.reduce((sum, reward) => sum + reward, 0) / 48).toBeGreaterThan(0.95);
  });

  test('gives the same bits for the same seeds', async () => {
    const [first, second, other] = [
      await learn(algorithm, { updates: 3 }),
      await learn(algorithm, { updates: 3 }),
      await learn(algorithm, { updates: 3, seed: 2 }),
    ];
    expect(second.right).toEqual(first.right);
    expect(second.weights).toEqual(first.weights);
    expect(other.weights).not.toEqual(first.weights);
  });
});
