import { expect, test } from 'vitest';
import { Box, Discrete, Env, type Info, type ResetResult, type StepResult } from '../../src/env/index.ts';
import { type Agent, evaluatePolicy } from '../../src/trainer/index.ts';

/** Ends after `length` steps with a reward of 1 each. */
class Countdown extends Env<Float32Array, number> {
  readonly observationSpace = new Box({ low: 0, high: 1 });
  readonly actionSpace = new Discrete(2);
  readonly #length: number;
  readonly #truncates: boolean;
  #left = 0;

  constructor(length: number, truncates = false) {
    super();
    this.#length = length;
    this.#truncates = truncates;
  }

  override reset(): ResetResult<Float32Array> {
    this.#left = this.#length;
    return [new Float32Array(1), {}];
  }

  override step(): StepResult<Float32Array> {
    const ended = --this.#left === 0;
    const info: Info = {};
    return [new Float32Array(1), 1, ended && !this.#truncates, ended && this.#truncates, info];
  }
}

/** Takes action 0 everywhere. */
const idle: Agent = { selectActions: (_observations, numEnvs) => new Int32Array(numEnvs) };

/** A function that makes environments of these lengths, one after another. */
function ofLengths(lengths: readonly number[], truncates = false): () => Env {
  let made = 0;
  return () => new Countdown(lengths[made++]!, truncates);
}

test('every environment counts its share of episodes, however long they are', async () => {
  // While the second plays one episode, the first plays ten. First come, first counted would give ten times 1.
  const { mean, std, returns, lengths } = await evaluatePolicy(idle, ofLengths([1, 10]), { episodes: 10, numEnvs: 2 });
  expect(mean).toBe(5.5);
  expect(std).toBe(4.5);
  expect(returns.toSorted((a, b) => a - b)).toEqual([1, 1, 1, 1, 1, 10, 10, 10, 10, 10]);
  expect(lengths).toEqual(returns);
});

test('episodes that do not divide evenly go to the last environments, as in Stable-Baselines3', async () => {
  // [(5 + i) // 3 for i in range(3)] is [1, 2, 2].
  const { returns } = await evaluatePolicy(idle, ofLengths([2, 3, 4]), { episodes: 5, numEnvs: 3 });
  expect(returns.toSorted((a, b) => a - b)).toEqual([2, 3, 3, 4, 4]);
});

test('truncated episodes count, and environments may be given as they are', async () => {
  const { returns } = await evaluatePolicy(idle, new Countdown(3, true), { episodes: 4 });
  expect(returns).toEqual([3, 3, 3, 3]);
});

test('maxTimesteps cuts episodes off', async () => {
  const { lengths } = await evaluatePolicy(idle, ofLengths([50]), { episodes: 2, numEnvs: 1, maxTimesteps: 7 });
  expect(lengths).toEqual([7, 7]);
});

test('one seed, one result; another, another', async () => {
  const play = (seed: number) => evaluatePolicy(idle, 'CartPole-v1', { episodes: 8, seed });
  expect(await play(1)).toEqual(await play(1));
  expect((await play(1)).returns).not.toEqual((await play(2)).returns);
});

test('a vector of environments plays the episodes of each alone', async () => {
  // The first environment of a run with seed 3 has seed 3, and its first episode is the one it plays alone.
  const alone = await evaluatePolicy(idle, 'Acrobot-v1', { episodes: 1, seed: 3, maxTimesteps: 20 });
  const together = await evaluatePolicy(idle, 'Acrobot-v1', { episodes: 3, numEnvs: 3, seed: 3, maxTimesteps: 20 });
  expect(together.returns).toHaveLength(3);
  expect(together.returns[0]).toBe(alone.returns[0]);
});

test('episodes must be a whole number of 1 or more', async () => {
  await expect(evaluatePolicy(idle, 'CartPole-v1', { episodes: 0 })).rejects.toThrow(/episodes is 0/);
});
