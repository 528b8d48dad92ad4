// Which kind a space is, for code that takes any. (`instanceof` alone would make type arguments `any`.)

import type { Dtype } from './spaces/arrays.ts';
import { Box } from './spaces/box.ts';
import { Dict } from './spaces/dict.ts';
import type { Space } from './spaces/space.ts';
import { Tuple } from './spaces/tuple.ts';

export function isBox(space: Space): space is Box<Dtype> {
  return space instanceof Box;
}

export function isDict(space: Space): space is Dict {
  return space instanceof Dict;
}

export function isTuple(space: Space): space is Tuple {
  return space instanceof Tuple;
}
