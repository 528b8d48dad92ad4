// Which memory the kernel of cached attention may write over.

import { describe, expect, it } from 'vitest';
import { engine, Program } from '../../src/runtime/index.ts';
import { allocate, argument, makeNode, type Tensor } from '../../src/tensor/index.ts';

const SHAPE = [1, 1, 4, 16];
const qkv = argument(0, [1, 1, 48], 'float32');
const keys = argument(1, SHAPE, 'float32');
const values = argument(2, SHAPE, 'float32');
const leaves = [qkv, keys, values, argument(3, [1], 'int32'), argument(4, [], 'int32')];
const y = makeNode('cachedAttention', leaves, { heads: 1, keyValueHeads: 1, scale: 0.25, packed: true });
const present = (index: 1 | 2): Tensor => makeNode('output', [y], { index, shape: SHAPE });

/** Runs one step at position 2 with the present keys and values, and whatever else, over the given memory. */
function run(tree: readonly Tensor[], outputs: (memory: readonly Float32Array[]) => Float32Array[]): Float32Array[] {
  const memory = leaves.map(({ dtype, size }, i) =>
    allocate(dtype, size).fill(dtype === 'int32' ? i - 1 : 0.5 * i + 1),
  );
  const program = new Program(tree, leaves, { engine: engine(), threads: 1 });
  try {
    const bound = program.bind({ arguments: memory, outputs: outputs(memory as Float32Array[]) });
    bound.run();
    bound.release();
    return memory as Float32Array[];
  } finally {
    program.dispose();
  }
}

const fresh = (size: number): Float32Array => allocate('float32', size) as Float32Array;

describe('cached attention', () => {
  it('writes the new keys and values over the old caches, and nothing else there', () => {
    const [, k, v] = run([y, present(1), present(2)], ([, k, v]) => [fresh(16), k!, v!]);
    for (const [cache, old] of [
      [k!, 1.5],
      [v!, 2],
    ] as const) {
      expect([...cache]).toEqual(Array.from({ length: 64 }, (_, i) => (i >= 32 && i < 48 ? 1 : old)));
    }
  });

  it('writes over no cache that another node reads, nor keys over values', () => {
    const overlapping = /overlaps an input that is still read/;
    const both = [keys.mul(2), y, present(1), present(2)];
    expect(() => run(both, ([, k, v]) => [fresh(64), fresh(16), k!, v!])).toThrow(overlapping);
    expect(() => run([y, present(1), present(2)], ([, k, v]) => [fresh(16), v!, k!])).toThrow(overlapping);
    expect(() => run([y], ([x]) => [x!.subarray(0, 16)])).toThrow(overlapping);
  });
});
