// The complaints that the built-in environments share. Each says what was wrong and what to do.

import { closestMatch } from './close-matches.ts';
import type { EnvMetadata } from './env.ts';
import { EnvError, InvalidAction, ResetNeeded, UnsupportedMode } from './errors.ts';

/** The error of a step before the first reset. */
export function resetFirst(environment: string): ResetNeeded {
  return new ResetNeeded(`${environment}: there is no episode to step in; call reset first`);
}

/** The error of an action that the action space does not hold. */
export function invalidAction(environment: string, action: unknown, space: { toString(): string }): InvalidAction {
  return new InvalidAction(`${environment}: action ${shown(action)} is not in the action space ${space}`);
}

/** The render mode, if the environment has it; null draws nothing. Throws an UnsupportedMode that lists the modes there are. */
export function checkedRenderMode(
  environment: string,
  renderMode: string | null | undefined,
  metadata: EnvMetadata,
): string | null {
  if (renderMode === null || renderMode === undefined) return null;
  if (metadata.renderModes.includes(renderMode)) return renderMode;
  const modes = metadata.renderModes.map((mode) => `'${mode}'`).join(', ') || 'none';
  throw new UnsupportedMode(`${environment} has no render mode '${renderMode}'; it has ${modes}`);
}

/**
 * The arguments that `make` was given for an environment, if the environment takes them all. Where an environment is made by
 * its class the compiler sees to that; by its id, anything can come in.
 *
 * @throws EnvError that names the first it does not take, and the nearest it does
 */
export function onlyKnown<Options extends object>(
  environment: string,
  given: Options,
  known: { readonly [Name in keyof Required<Options>]: true },
): Options {
  const names = Object.keys(known);
  const stray = Object.keys(given).find((name) => !names.includes(name));
  if (stray === undefined) return given;
  const nearest = closestMatch(stray, names);
  const hint = nearest === undefined ? `; it takes ${names.join(', ')}` : `. Did you mean '${nearest}'?`;
  throw new EnvError(`${environment} takes no argument '${stray}'${hint}`);
}

function shown(action: unknown): string {
  if (typeof action === 'string') return JSON.stringify(action);
  if (ArrayBuffer.isView(action)) return `${action.constructor.name} [${String(action)}]`;
  return Array.isArray(action) ? `[${String(action)}]` : String(action);
}
