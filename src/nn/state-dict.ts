// Named elements: what modules and optimizers save and load.

import { type Shape, sameShape, showShape, sizeOf } from '../tensor/index.ts';

/** Elements in memory. */
export type StateData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** The elements of one tensor, in C order. */
export interface StateEntry {
  readonly shape: Shape;
  readonly data: StateData;
}

/** Tensors by name. */
export type StateDict = ReadonlyMap<string, StateEntry>;

/** Float32 tensors by name, as modules and optimizers have them. */
export type Float32State = Map<string, { readonly shape: Shape; readonly data: Float32Array }>;

/** The same state in memory of its own. */
export function copyState(state: Float32State): Float32State {
  return new Map([...state].map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }]));
}

/**
 * Copies the elements of `from` into the memory of `into`.
 *
 * @param owner whose state it is, for messages.
 * @param options.strict whether both must have the same names. Default true.
 * @param options.problems what is already known not to fit.
 * @throws Error that lists everything missing, extra and misshapen; nothing is copied then.
 */
export function loadState(
  owner: string,
  into: Float32State,
  from: StateDict,
  { strict = true, problems: known = [] }: { readonly strict?: boolean; readonly problems?: readonly string[] } = {},
): void {
  const problems = [...known];
  for (const [name, { shape }] of into) {
    const entry = from.get(name);
    if (entry === undefined) {
      if (strict) problems.push(`missing: ${name} ${showShape(shape)}`);
    } else if (!sameShape(entry.shape, shape)) {
      problems.push(`misshapen: ${name} has shape ${showShape(entry.shape)}, not ${showShape(shape)}`);
    } else if (entry.data.length !== sizeOf(shape)) {
      problems.push(`misshapen: ${name} has ${entry.data.length} elements for shape ${showShape(shape)}`);
    } else if (entry.data instanceof BigInt64Array) {
      problems.push(`misshapen: ${name} has 64-bit integers for elements, not floats`);
    }
  }
  if (strict) {
    for (const [name, { shape }] of from) if (!into.has(name)) problems.push(`extra: ${name} ${showShape(shape)}`);
  }
  if (problems.length > 0) {
    throw new Error(`this state does not fit ${owner}, which was left as it is:\n  ${problems.join('\n  ')}`);
  }
  for (const [name, { data }] of into) {
    const source = from.get(name)?.data;
    if (source !== undefined && !(source instanceof BigInt64Array)) data.set(source);
  }
}
