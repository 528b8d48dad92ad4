// `--key value` on the command line: any key of a recipe, nested ones with dots.

import { parse } from 'yaml';
import { CliError, EXIT_USAGE } from './cli-error.ts';

/** A recipe key set on the command line. */
export interface Override {
  /** Such as `['ppo', 'learningRate']`. */
  readonly path: readonly string[];
  readonly value: unknown;
  /** Given as `--key` alone, which means true. */
  readonly bare?: boolean;
}

/**
 * The overrides that command-line words spell: `--ppo.learningRate 1e-3`, `--seed=7`, or `--normalizeReward` alone for true.
 * Values are read as YAML, so `true`, `1e-3` and `[64, 64]` mean what they mean in a recipe.
 */
export function parseOverrides(words: readonly string[]): Override[] {
  const overrides: Override[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(word);
    if (match === null) {
      throw new CliError(`Unexpected argument '${word}': recipe keys are given as --key value`, EXIT_USAGE);
    }
    const path = match[1]!.split('.');
    if (path.includes('')) throw new CliError(`--${match[1]} is not a key of a recipe`, EXIT_USAGE);
    let text = match[2];
    let bare = false;
    if (text === undefined) {
      const next = words[i + 1];
      // A number may begin with a minus; anything else that begins with two is the next key.
      if (next === undefined || next.startsWith('--')) [text, bare] = ['true', true];
      else {
        text = next;
        i++;
      }
    }
    overrides.push({ path, value: readValue(match[1]!, text), ...(bare ? { bare } : {}) });
  }
  return overrides;
}

/** Writes the overrides into plain data, over what is there. */
export function applyOverrides(data: Record<string, unknown>, overrides: readonly Override[]): void {
  for (const { path, value } of overrides) {
    let target = data;
    for (const key of path.slice(0, -1)) {
      const inner = Object.hasOwn(target, key) ? target[key] : undefined;
      const next = isMapping(inner) ? inner : {};
      setOwn(target, key, next);
      target = next;
    }
    setOwn(target, path.at(-1)!, value);
  }
}

/** Whether a value is a mapping of keys, as YAML's are. */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// A plain assignment of `__proto__` would not make a key.
function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
}

function readValue(key: string, text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch (error) {
    throw new CliError(`--${key} '${text}' cannot be read: ${(error as Error).message}`, EXIT_USAGE, { cause: error });
  }
}
