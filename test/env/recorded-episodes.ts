// Plays episodes that were recorded in Python again. test/fixtures/gymnasium/record_envs.py records them: reset with seed 123,
// actions sampled from the action space with seed 123, 200 steps, and a reset without seed whenever an episode ends.

import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Env, SyncEnv } from '../../src/env/env.ts';

interface RecordedReset {
  readonly after_step: number;
  readonly obs: unknown;
  readonly info: Record<string, unknown>;
  readonly state: unknown;
}

interface Recording {
  readonly id: string;
  readonly kwargs: Record<string, unknown>;
  readonly observation_space: string;
  readonly action_space: string;
  readonly max_episode_steps: number | null;
  readonly reward_threshold: number | null;
  readonly trajectory: {
    readonly reset_seed: number;
    readonly action_space_seed: number;
    readonly initial_obs: unknown;
    readonly initial_info: Record<string, unknown>;
    readonly initial_state: unknown;
    readonly actions: readonly unknown[];
    readonly observations: readonly unknown[];
    readonly rewards: readonly number[];
    readonly terminated: readonly boolean[];
    readonly truncated: readonly boolean[];
    readonly infos: readonly Record<string, unknown>[];
    readonly states: readonly unknown[];
    readonly resets: readonly RecordedReset[];
  };
}

/** The JSON fixture of that name. Its form is the caller's claim. */
export function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/gymnasium/${name}.json`, import.meta.url), 'utf8')) as T;
}

/**
 * Makes the recorded environment with `make`, and expects every action, observation, reward, flag and info to be the recorded
 * one, and the state to be within 1e-12 of it (sine and cosine differ in the last bit between C libraries).
 */
export function expectSameEpisodes(name: string, make: (id: string, kwargs: Record<string, unknown>) => Env): void {
  const recording = fixture<Recording>(name);
  const { trajectory } = recording;
  const kwargs = Object.entries(recording.kwargs).map(([key, value]) => [camelCase(key), value]);
  const env = make(recording.id, Object.fromEntries(kwargs)) as SyncEnv;
  expect(String(env.observationSpace)).toBe(recording.observation_space);
  expect(String(env.actionSpace)).toBe(recording.action_space);
  expect(env.spec?.maxEpisodeSteps ?? null).toBe(recording.max_episode_steps);
  expect(env.spec?.rewardThreshold ?? null).toBe(recording.reward_threshold);

  const [observation, info] = env.reset({ seed: trajectory.reset_seed });
  env.actionSpace.seed(trajectory.action_space_seed);
  expect({ observation: plain(observation), info: plain(info) }).toEqual({
    observation: trajectory.initial_obs,
    info: camelCased(trajectory.initial_info),
  });
  expectClose(stateOf(env), trajectory.initial_state);

  const resets = [...trajectory.resets];
  trajectory.actions.forEach((recordedAction, i) => {
    const action = env.actionSpace.sample();
    const [observation, reward, terminated, truncated, info] = env.step(action);
    expect({
      step: i,
      action: plain(action),
      observation: plain(observation),
      terminated,
      truncated,
      info: plain(info),
    }).toEqual({
      step: i,
      action: recordedAction,
      observation: trajectory.observations[i],
      terminated: trajectory.terminated[i],
      truncated: trajectory.truncated[i],
      info: camelCased(trajectory.infos[i]),
    });
    expectClose(reward, trajectory.rewards[i]);
    if (Number.isInteger(trajectory.rewards[i])) expect(reward).toBe(trajectory.rewards[i]);
    expectClose(stateOf(env), trajectory.states[i]);
    if (!terminated && !truncated) return;
    const recorded = resets.shift();
    const [first, firstInfo] = env.reset();
    expect({ after_step: i, obs: plain(first), info: plain(firstInfo) }).toEqual({
      after_step: recorded?.after_step,
      obs: recorded?.obs,
      info: camelCased(recorded?.info ?? {}),
    });
    expectClose(stateOf(env), recorded?.state);
  });
  expect(resets).toEqual([]);
}

/** Expects all numbers in `actual` to be within 1e-12 of those in `expected`, which must have the same form. */
export function expectClose(actual: unknown, expected: unknown): void {
  if (typeof expected === 'number' && typeof actual === 'number') {
    expect(Math.abs(actual - expected), `${actual} and ${expected}`).toBeLessThanOrEqual(1e-12);
  } else if (Array.isArray(expected) && Array.isArray(actual)) {
    expect(actual.length).toBe(expected.length);
    expected.forEach((item, i) => expectClose(actual[i], item));
  } else {
    expect(actual).toEqual(expected);
  }
}

/** Typed arrays as arrays, for comparison with JSON. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

function stateOf(env: Env): unknown {
  return (env.unwrapped as Env & { readonly state: unknown }).state;
}

function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function camelCased(info: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(info).map(([key, value]) => [camelCase(key), value]));
}
