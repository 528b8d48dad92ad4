// Why a value is not in a space, in words.

import { isBox, isDict, isTuple } from './space-kinds.ts';
import type { Dtype } from './spaces/arrays.ts';
import type { Box } from './spaces/box.ts';
import type { Dict } from './spaces/dict.ts';
import { Discrete } from './spaces/discrete.ts';
import type { Space } from './spaces/space.ts';

/** Why a value is not in a space. */
export interface Mismatch {
  readonly reason: string;
  /** Whether the form is right and only numbers of a Box are beyond its bounds. */
  readonly outOfBounds: boolean;
}

/** Why `value` is not in `space`; undefined if it is. `where` names the part of the value that is looked at. */
export function mismatch(space: Space, value: unknown, where = 'it'): Mismatch | undefined {
  const ok: boolean = space.contains(value);
  if (ok) return undefined;
  if (isBox(space)) return boxMismatch(space, value, where);
  if (space instanceof Discrete) {
    const last = space.start + space.n - 1;
    return form(`${where} must be an integer from ${space.start} to ${last}, but is ${shown(value)}`);
  }
  if (isDict(space)) return dictMismatch(space, value, where);
  if (isTuple(space)) {
    const parts: readonly Space[] = space.spaces;
    const { length } = parts;
    if (!Array.isArray(value) || value.length !== length) {
      return form(`${where} must be an array of ${length} values, but is ${shown(value)}`);
    }
    return firstMismatch(
      parts.map((part, i) => [part, value[i], `[${i}]`] as const),
      where,
    );
  }
  return form(`${where} is ${shown(value)}`);
}

function boxMismatch(space: Box<Dtype>, value: unknown, where: string): Mismatch {
  const { constructor } = space.low;
  if (!(ArrayBuffer.isView(value) && value.constructor === constructor)) {
    return form(`${where} must be a ${constructor.name} for dtype ${space.dtype}, but is ${shown(value)}`);
  }
  const values = value as typeof space.low;
  if (values.length !== space.low.length) {
    return form(`${where} must have ${space.low.length} elements for shape [${space.shape}], but has ${values.length}`);
  }
  const i = values.findIndex((element, at) => !(element >= space.low[at] && element <= space.high[at]));
  const reason = `element ${i} of ${where} is ${values[i]}, outside [${space.low[i]}, ${space.high[i]}]`;
  return { reason, outOfBounds: !Number.isNaN(values[i]) };
}

function dictMismatch(space: Dict, value: unknown, where: string): Mismatch {
  const keys = Object.keys(space.spaces);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    return form(`${where} must be an object with the keys ${keys.join(', ')}, but is ${shown(value)}`);
  }
  const found = Object.keys(value);
  const missing = keys.filter((key) => !found.includes(key));
  if (missing.length > 0) return form(`${where} lacks the keys ${missing.join(', ')}`);
  const surplus = found.filter((key) => !keys.includes(key));
  if (surplus.length > 0) return form(`${where} has the keys ${surplus.join(', ')} that the space does not know`);
  return firstMismatch(
    keys.map((key) => [space.spaces[key], Reflect.get(value, key), `.${key}`] as const),
    where,
  );
}

function firstMismatch(parts: readonly (readonly [Space, unknown, string])[], where: string): Mismatch {
  const base = where === 'it' ? 'its ' : where;
  for (const [part, value, name] of parts) {
    const found = mismatch(part, value, `${base}${name}`);
    if (found !== undefined) return found;
  }
  return form(`${where} is not in the space`);
}

function form(reason: string): Mismatch {
  return { reason, outOfBounds: false };
}

/** A value for a message: its type, and what it holds if that is short. */
export function shown(value: unknown): string {
  if (value instanceof Promise) return 'a promise';
  if (typeof value === 'string') return `the string ${JSON.stringify(value)}`;
  if (typeof value === 'function') return `the function ${value.name}`;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return `${value.constructor.name}${list(value as unknown as ArrayLike<unknown>)}`;
  }
  if (Array.isArray(value)) return `the array ${list(value)}`;
  if (typeof value === 'object' && value !== null) return `an object with the keys [${Object.keys(value).join(', ')}]`;
  return String(value);
}

function list(values: ArrayLike<unknown>): string {
  const first = Array.from(values).slice(0, 8).map(String);
  return `[${first.join(', ')}${values.length > 8 ? `, ... ${values.length} in all` : ''}]`;
}
