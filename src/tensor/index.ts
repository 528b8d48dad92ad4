export { gradients } from './gradients.ts';
export type { Attributes, DType, Op, Source, Storage, TensorData, Typed } from './ops.ts';
export { broadcastShapes, type Shape, ShapeError, sameShape, showShape, sizeOf } from './shape.ts';
export {
  allocate,
  arange,
  argument,
  attributesOf,
  concat,
  full,
  makeNode,
  type NestedArray,
  ones,
  scalar,
  setEvaluator,
  sourceOf,
  stack,
  stored,
  Tensor,
  tensor,
  type TensorLike,
  uniform,
  zeros,
} from './tensor.ts';
