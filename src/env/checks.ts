// The complaints that the built-in environments share. Each says what was wrong and what to do.

import type { EnvMetadata } from './env.ts';
import { InvalidAction, ResetNeeded, UnsupportedMode } from './errors.ts';

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
  const modes = ['null', ...metadata.renderModes.map((mode) => `'${mode}'`)].join(', ');
  throw new UnsupportedMode(`${environment}: renderMode '${renderMode}' is not one of ${modes}`);
}

function shown(action: unknown): string {
  if (typeof action === 'string') return JSON.stringify(action);
  if (ArrayBuffer.isView(action)) return `${action.constructor.name} [${String(action)}]`;
  return Array.isArray(action) ? `[${String(action)}]` : String(action);
}
