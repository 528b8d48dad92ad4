// Spaces as JSON, so that a checkpoint says what its agent sees and does, and can be loaded without the environment.

import * as z from 'zod';
import { Box, Dict, Discrete, MultiBinary, MultiDiscrete, type Space, Tuple } from '../env/index.ts';

const FLOATS = ['float32', 'float64'] as const;
const INTEGERS = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64'] as const;

type Integer = (typeof INTEGERS)[number];

// JSON has no infinities.
const bound = z.union([z.number(), z.literal('Infinity'), z.literal('-Infinity')]);
const integer = z.enum(INTEGERS);
const lengths = z.array(z.int().min(0));

/** A space as JSON. Infinite bounds are texts. */
export type SpaceJson =
  | {
      readonly kind: 'Box';
      readonly dtype: (typeof FLOATS)[number] | Integer | 'bool';
      readonly shape: readonly number[];
      readonly low: readonly z.infer<typeof bound>[];
      readonly high: readonly z.infer<typeof bound>[];
    }
  | { readonly kind: 'Discrete'; readonly dtype: Integer; readonly n: number; readonly start: number }
  | {
      readonly kind: 'MultiDiscrete';
      readonly dtype: Integer;
      readonly shape: readonly number[];
      readonly nvec: readonly number[];
      readonly start: readonly number[];
    }
  | { readonly kind: 'MultiBinary'; readonly n: number | readonly number[] }
  | { readonly kind: 'Tuple'; readonly spaces: readonly SpaceJson[] }
  | { readonly kind: 'Dict'; readonly spaces: Readonly<Record<string, SpaceJson>> };

/** Validates the JSON of a space. */
export const spaceSchema: z.ZodType<SpaceJson> = z.lazy(() =>
  z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('Box'),
      dtype: z.enum([...FLOATS, ...INTEGERS, 'bool']),
      shape: lengths,
      low: z.array(bound),
      high: z.array(bound),
    }),
    z.strictObject({ kind: z.literal('Discrete'), dtype: integer, n: z.int().min(1), start: z.int() }),
    z.strictObject({
      kind: z.literal('MultiDiscrete'),
      dtype: integer,
      shape: lengths,
      nvec: lengths,
      start: z.array(z.int()),
    }),
    z.strictObject({ kind: z.literal('MultiBinary'), n: z.union([z.int().min(0), lengths]) }),
    z.strictObject({ kind: z.literal('Tuple'), spaces: z.array(spaceSchema) }),
    z.strictObject({ kind: z.literal('Dict'), spaces: z.record(z.string(), spaceSchema) }),
  ]),
);

/** The JSON of a space. Throws a TypeError for spaces without a fixed size, which no agent here can have. */
export function spaceToJson(space: Space): SpaceJson {
  if (space instanceof Box) {
    const { dtype, shape, low, high } = space;
    return { kind: 'Box', dtype, shape, low: Array.from(low, boundToJson), high: Array.from(high, boundToJson) };
  }
  if (space instanceof Discrete) {
    const { dtype, n, start } = space;
    return { kind: 'Discrete', dtype, n, start };
  }
  if (space instanceof MultiDiscrete) {
    const { dtype, shape, nvec, start } = space;
    return { kind: 'MultiDiscrete', dtype, shape, nvec: [...nvec], start: [...start] };
  }
  if (space instanceof MultiBinary) return { kind: 'MultiBinary', n: space.n };
  if (space instanceof Tuple) return { kind: 'Tuple', spaces: space.spaces.map(spaceToJson) };
  if (space instanceof Dict) {
    const spaces = Object.entries(space.spaces).map(([key, part]) => [key, spaceToJson(part)] as const);
    return { kind: 'Dict', spaces: Object.fromEntries(spaces) };
  }
  throw new TypeError(`${space} cannot be saved in a checkpoint: only spaces of fixed size can`);
}

/** The space that `spaceToJson` described. Throws a RangeError if its numbers fit no space. */
export function spaceFromJson(json: SpaceJson): Space {
  switch (json.kind) {
    case 'Box':
      return new Box({ ...json, low: json.low.map(Number), high: json.high.map(Number) });
    case 'Discrete':
      return new Discrete(json.n, json);
    case 'MultiDiscrete':
      return new MultiDiscrete(json.nvec, json);
    case 'MultiBinary':
      return new MultiBinary(json.n);
    case 'Tuple':
      return new Tuple(json.spaces.map(spaceFromJson));
    case 'Dict':
      return new Dict(Object.fromEntries(Object.entries(json.spaces).map(([key, part]) => [key, spaceFromJson(part)])));
  }
}

function boundToJson(value: number): number | 'Infinity' | '-Infinity' {
  if (Number.isFinite(value)) return value;
  return value > 0 ? 'Infinity' : '-Infinity';
}
