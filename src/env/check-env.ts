// A thorough check of an environment, for its author's tests. After gymnasium.utils.env_checker, Gymnasium 1.x.

import { Env } from './env.ts';
import { InvalidEnv } from './errors.ts';
import { checkAction, checkRenderResult, checkResetResult, checkSpaces, checkStepResult } from './passive-checks.ts';
import { isBox } from './space-kinds.ts';
import { shown } from './space-mismatch.ts';
import type { Space } from './spaces/space.ts';
import { warn } from './warnings.ts';

/** Options of {@link checkEnv}. */
export interface CheckEnvOptions {
  /** Whether to leave out `render`. Default false. */
  readonly skipRenderCheck?: boolean;
  /** Whether to leave out `close`. Default false. */
  readonly skipCloseCheck?: boolean;
}

/**
 * Checks that an environment keeps the contract of {@link Env}: its spaces, what `reset` and `step` return, that a seed
 * decides both, reset options, every render mode, and closing twice. The last two make further environments from `env.spec`.
 *
 * Call it on the bare environment (`env.unwrapped`), in its tests. What works but looks mistaken is a warning.
 *
 * @throws InvalidEnv saying what is wrong and how to mend it
 */
export async function checkEnv(env: Env, options: CheckEnvOptions = {}): Promise<void> {
  if (!(env instanceof Env))
    throw new InvalidEnv(`An environment must extend the class Env, but this is ${shown(env)}`);
  if (env.unwrapped !== env) warn(`${env} is wrapped, and its wrappers may hide faults: check env.unwrapped instead`);
  checkSpaces(env);
  recommendBounds(env);
  await checkSeed(env);
  checkResetResult(env, await env.reset({ options: {} }), complain);
  await checkStep(env);
  if (!(options.skipRenderCheck ?? false)) await checkRender(env);
  if (!(options.skipCloseCheck ?? false)) await checkClose(env);
}

function complain(message: string): never {
  throw new InvalidEnv(message);
}

function recommendBounds(env: Env): void {
  for (const name of ['actionSpace', 'observationSpace'] as const) {
    const space: Space = env[name];
    if (!isBox(space)) continue;
    if (space.low.some((low) => low === Number.NEGATIVE_INFINITY))
      warn(`${env}: a low of ${name} is -infinity; probably too low`);
    if (space.high.some((high) => high === Number.POSITIVE_INFINITY))
      warn(`${env}: a high of ${name} is infinity; probably too high`);
  }
  const actionSpace: Space = env.actionSpace;
  if (!isBox(actionSpace)) return;
  const usual = actionSpace.low.every((low, i) => {
    const high = actionSpace.high[i];
    return low >= -1 && high <= 1 && (low === 0 || -low === high);
  });
  if (!usual)
    warn(`${env}: actions are easiest to learn in [-1, 1] or [0, 1]; scale them inside, or wrap with RescaleAction`);
}

/** A seed decides the first observation and the random stream; without a seed the stream goes on. */
async function checkSeed(env: Env): Promise<void> {
  const seeded = await resetAndState(env, 123);
  if (env.npRandomSeed !== 123n) {
    complain(`${env}: reset({ seed: 123 }) did not seed npRandom: call this.seedFrom(options) first in reset()`);
  }
  const unseeded = await resetAndState(env);
  const seededAgain = await resetAndState(env, 123);
  const unseededAgain = await resetAndState(env);
  if (seeded.state !== seededAgain.state || unseeded.state !== unseededAgain.state) {
    complain(
      `${env}: the random stream differs after two reset({ seed: 123 }): call this.seedFrom(options) first in reset(), ` +
        'and seed() again only when options carry a seed',
    );
  }
  if (!env.spec?.nondeterministic) {
    const advice = 'draw all random numbers from this.npRandom, or register with nondeterministic: true';
    if (!equal(seeded.observation, seededAgain.observation)) {
      complain(`${env}: two reset({ seed: 123 }) gave different observations: ${advice}`);
    }
    if (!equal(unseeded.observation, unseededAgain.observation)) {
      complain(`${env}: reset({ seed: 123 }) and then reset() gave different observations the second time: ${advice}`);
    }
  }
  const other = await resetAndState(env, 456);
  if (other.state === seeded.state) {
    complain(
      `${env}: the random stream is the same after reset({ seed: 123 }) and reset({ seed: 456 }): call this.seedFrom(options)`,
    );
  }
}

async function resetAndState(env: Env, seed?: number): Promise<{ observation: unknown; state: string }> {
  const result = await env.reset(seed === undefined ? undefined : { seed });
  checkResetResult(env, result, complain);
  // A copy, lest an environment that reuses its observation compare it with itself.
  return { observation: structuredClone(result[0]), state: JSON.stringify(env.npRandom.state) };
}

/** The same seed and action give the same step. */
async function checkStep(env: Env): Promise<void> {
  env.actionSpace.seed(123);
  const action = env.actionSpace.sample();
  checkAction(env, action, complain);
  const first = await resetAndStep(env, action);
  const second = await resetAndStep(env, action);
  if (env.spec?.nondeterministic) return;
  const names = ['observation', 'reward', 'terminated', 'truncated', 'info', 'random stream'];
  const differing = names.filter((_, i) => !equal(first[i], second[i]));
  if (differing.length > 0) {
    complain(
      `${env}: the same seed and action gave a different ${differing.join(' and ')} of step(): reset() must set all state ` +
        'anew, and all random numbers must come from this.npRandom; or register with nondeterministic: true',
    );
  }
}

async function resetAndStep(env: Env, action: unknown): Promise<readonly unknown[]> {
  await env.reset({ seed: 123 });
  const result = await env.step(action);
  checkStepResult(env, result, complain);
  const [observation, ...rest] = result;
  return [structuredClone(observation), ...rest, JSON.stringify(env.npRandom.state)];
}

async function checkRender(env: Env): Promise<void> {
  if (env.renderMode !== null) checkRenderResult(env, env.render(), complain);
  if (env.spec === null) {
    if (env.metadata.renderModes.length > 0)
      warn(`${env}: made without make(), so its other render modes are not checked`);
    return;
  }
  for (const renderMode of env.metadata.renderModes) {
    const other = env.spec.make({ renderMode });
    await other.reset();
    checkRenderResult(other, other.render(), complain);
    await other.close();
  }
}

async function checkClose(env: Env): Promise<void> {
  if (env.spec === null) return;
  const other = env.spec.make();
  await other.close();
  try {
    await other.close();
  } catch (error) {
    warn(`${env}: close() of a closed environment should do nothing, but threw ${String(error)}`);
  }
}

/** Deep equality of plain data and typed arrays; NaN equals itself. */
function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => equal(Reflect.get(a, key), Reflect.get(b, key)));
}
