import { assign, type Assignment } from '../runtime/index.ts';
import { gradients, stored, type Tensor } from '../tensor/index.ts';
import type { Parameter } from './parameter.ts';

/**
 * Orders to write the gradients of the scalar `loss` into `parameters[i].gradient`: return them from a traced function.
 * Frozen parameters are left out, repeated ones count once; one that the loss does not depend on gets zeros.
 *
 * @throws ShapeError if `loss` is not a float32 scalar.
 */
export function gradientAssignments(
  loss: Tensor,
  parameters: Iterable<Parameter>,
  {
    accumulate = false,
  }: {
    /** Whether to add to what is there, for batches in several parts. Default false: overwrite. */
    readonly accumulate?: boolean;
  } = {},
): Assignment[] {
  const wanted = [...new Set(parameters)].filter(({ frozen }) => !frozen);
  return gradients(loss, wanted).map((gradient, i) => {
    const { gradient: target, shape, name } = wanted[i]!;
    return assign(target, accumulate ? stored(target, shape, `${name}.gradient`).add(gradient) : gradient);
  });
}
