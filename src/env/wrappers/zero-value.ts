import { isBox, isDict, isTuple } from '../space-kinds.ts';
import { zeros } from '../spaces/arrays.ts';
import { Discrete } from '../spaces/discrete.ts';
import { MultiBinary } from '../spaces/multi-binary.ts';
import { MultiDiscrete } from '../spaces/multi-discrete.ts';
import type { Space } from '../spaces/space.ts';
import { Text } from '../spaces/text.ts';

/**
 * The value of a space that is nearest to zero: zeros where the bounds allow them. After
 * gymnasium.wrappers.utils.create_zero_array. Throws for spaces that have no such value (Sequence, Graph, OneOf).
 */
export function zeroValue(space: Space): unknown {
  if (isBox(space)) {
    return zeros(space.dtype, space.low.length).map((_, i) => Math.min(Math.max(0, space.low[i]), space.high[i]));
  }
  if (space instanceof Discrete) return space.start;
  if (space instanceof MultiDiscrete) return space.start.slice();
  if (space instanceof MultiBinary) return new Int8Array(space.shape.reduce((product, axis) => product * axis, 1));
  if (isTuple(space)) return space.spaces.map(zeroValue);
  if (isDict(space))
    return Object.fromEntries(Object.entries<Space>(space.spaces).map(([key, part]) => [key, zeroValue(part)]));
  if (space instanceof Text) return (space.characterList[0] ?? '').repeat(space.minLength);
  throw new TypeError(`${space} has no zero: give the value itself`);
}
