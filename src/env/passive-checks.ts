// Checks of what an environment declares and returns. Each message says what was found and how to mend it.
// After gymnasium.utils.passive_env_checker, Gymnasium 1.x.

import type { Env, ResetResult, StepResult } from './env.ts';
import { InvalidAction, InvalidEnv } from './errors.ts';
import { isBox, isDict, isTuple } from './space-kinds.ts';
import { mismatch, shown } from './space-mismatch.ts';
import { Space } from './spaces/space.ts';
import { warn } from './warnings.ts';

/** Receives what is wrong, but not so wrong that the environment could not be used. */
export type Complain = (message: string) => void;

/** Checks that both spaces are there and hold something. */
export function checkSpaces(env: Env): void {
  checkSpace(env, 'observationSpace');
  checkSpace(env, 'actionSpace');
}

function checkSpace(env: Env, name: 'observationSpace' | 'actionSpace'): void {
  const space: unknown = env[name];
  if (!(space instanceof Space)) {
    throw new InvalidEnv(
      `${env} must have ${name}, a Space such as new Discrete(2) or new Box({ low: -1, high: 1, shape: [3] }), but it is ${shown(space)}`,
    );
  }
  checkParts(space, name);
}

function checkParts(space: Space, where: string): void {
  if (isDict(space) || isTuple(space)) {
    const parts: [string, Space][] = Object.entries(space.spaces);
    if (parts.length === 0) throw new InvalidEnv(`${where} is an empty ${space.constructor.name}: give it a space`);
    for (const [key, part] of parts) checkParts(part, `${where}.${key}`);
  } else if (isBox(space)) {
    const fixed = space.low.findIndex((low, i) => low === space.high[i]);
    if (fixed >= 0) warn(`${where}: low and high are both ${space.low[fixed]} at element ${fixed}`);
  }
}

/** Checks what `reset` returned. */
export function checkResetResult(
  env: Env,
  result: unknown,
  complain: Complain,
): asserts result is ResetResult<unknown> {
  if (!Array.isArray(result) || result.length !== 2) {
    throw new InvalidEnv(`${env}: reset() must return [observation, info], but returned ${describeResult(result)}`);
  }
  checkObservation(env, result[0], 'reset', complain);
  checkInfo(env, result[1], 'reset');
}

/** Checks what `step` returned. */
export function checkStepResult(env: Env, result: unknown, complain: Complain): asserts result is StepResult<unknown> {
  if (!Array.isArray(result) || result.length !== 5) {
    const old =
      Array.isArray(result) && result.length === 4
        ? '; four elements are the old API, whose done is now terminated or truncated'
        : '';
    throw new InvalidEnv(
      `${env}: step() must return [observation, reward, terminated, truncated, info], but returned ${describeResult(result)}${old}`,
    );
  }
  const [observation, reward, terminated, truncated, info]: unknown[] = result;
  checkObservation(env, observation, 'step', complain);
  if (typeof reward !== 'number') {
    throw new InvalidEnv(`${env}: the reward of step() must be a number, but it is ${shown(reward)}`);
  }
  if (!Number.isFinite(reward)) complain(`${env}: the reward of step() is ${reward}; learning needs finite rewards`);
  if (typeof terminated !== 'boolean' || typeof truncated !== 'boolean') {
    throw new InvalidEnv(
      `${env}: terminated and truncated of step() must be booleans, but they are ${shown(terminated)} and ${shown(truncated)}`,
    );
  }
  checkInfo(env, info, 'step');
}

/**
 * Checks an action before `step`. One of the wrong form throws; an element beyond the bounds of a Box only gives
 * a complaint, as some environments clip.
 */
export function checkAction(env: Env, action: unknown, complain: Complain): void {
  const found = mismatch(env.actionSpace, action);
  if (found === undefined) return;
  const message = `${env}: the action ${shown(action)} is not in the action space ${env.actionSpace}: ${found.reason}`;
  if (!found.outOfBounds) throw new InvalidAction(message);
  complain(`${message}. If your policy gives such actions, wrap with new ClipAction(env)`);
}

/** Checks what the environment says about rendering, and what `render` returned. */
export function checkRenderResult(env: Env, result: unknown, complain: Complain): void {
  const { renderModes, renderFps } = env.metadata;
  if (!Array.isArray(renderModes) || !renderModes.every((mode) => typeof mode === 'string')) {
    throw new InvalidEnv(`${env}: metadata.renderModes must be an array of names, but it is ${shown(renderModes)}`);
  }
  if (renderModes.length > 0 && !(typeof renderFps === 'number' && renderFps > 0)) {
    complain(
      `${env}: metadata.renderFps should be a positive number of frames a second, but it is ${shown(renderFps)}`,
    );
  }
  const { renderMode } = env;
  if (renderMode === null) return;
  if (!renderModes.includes(renderMode)) {
    throw new InvalidEnv(`${env}: renderMode '${renderMode}' is not one of metadata.renderModes [${renderModes}]`);
  }
  if (renderMode === 'human' && result !== null && result !== undefined) {
    complain(`${env}: render() in mode 'human' should draw by itself and return null, but returned ${shown(result)}`);
  }
  if (renderMode === 'ansi' && typeof result !== 'string') {
    complain(`${env}: render() in mode 'ansi' should return a string, but returned ${shown(result)}`);
  }
}

function checkObservation(env: Env, observation: unknown, method: string, complain: Complain): void {
  const found = mismatch(env.observationSpace, observation);
  if (found === undefined) return;
  complain(
    `${env}: the observation of ${method}() is not in the observation space ${env.observationSpace}: ${found.reason}`,
  );
}

function checkInfo(env: Env, info: unknown, method: string): void {
  if (typeof info === 'object' && info !== null && !Array.isArray(info)) return;
  throw new InvalidEnv(`${env}: the info of ${method}() must be an object, such as {}, but it is ${shown(info)}`);
}

function describeResult(result: unknown): string {
  return Array.isArray(result) ? `an array of ${result.length}` : shown(result);
}
