// Runs a traced graph through the engine, once.

import { engine, Program } from '../../src/runtime/index.ts';
import { allocate, type Tensor, type TensorData } from '../../src/tensor/index.ts';

/** The elements of `outputs`, computed natively, with `leaves` (arguments 0, 1, …) holding `data`. */
export function runNatively(
  outputs: readonly Tensor[],
  leaves: readonly Tensor[] = [],
  data: readonly ArrayLike<number>[] = [],
): TensorData[] {
  const memory = leaves.map(({ dtype, size }, i) => {
    const elements = allocate(dtype, size);
    elements.set(data[i]!);
    return elements;
  });
  const program = new Program(outputs, leaves, { engine: engine(), threads: 1 });
  try {
    const bound = program.bind({ arguments: memory });
    bound.run();
    bound.release();
    return [...bound.results];
  } finally {
    program.dispose();
  }
}
