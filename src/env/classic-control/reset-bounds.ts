// The reset option that the classic control tasks share: the bounds of the random start state.

import type { ResetOptions } from '../env.ts';
import { InvalidBound } from '../errors.ts';

/**
 * The bounds between which a task draws its start state: the reset options `low` and `high`, or the task's own.
 *
 * Wider bounds than the default may lead outside of the observation space.
 *
 * @throws InvalidBound if `low` is above `high`; TypeError if one of them is no number.
 */
export function resetBounds(options: ResetOptions | undefined, low: number, high: number): [low: number, high: number] {
  const lower = numericOption(options, 'low', low);
  const upper = numericOption(options, 'high', high);
  if (lower > upper) {
    throw new InvalidBound(
      `reset option low (${lower}) must not be above high (${upper}); defaults are ${low}, ${high}`,
    );
  }
  return [lower, upper];
}

/** The reset option of this name, or the default; a TypeError if it is there but no number. */
export function numericOption(options: ResetOptions | undefined, name: string, defaultValue: number): number {
  const value = options?.options?.[name];
  if (value === undefined) return defaultValue;
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new TypeError(`reset option ${name} must be a number but is ${JSON.stringify(value) ?? String(value)}`);
  }
  return value;
}
