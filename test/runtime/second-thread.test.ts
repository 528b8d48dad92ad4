// Two runs side by side: each writes what it would alone, and errors of either are thrown after both.

import { expect, test } from 'vitest';
import { engine, Program } from '../../src/runtime/index.ts';
import { argument, type Tensor } from '../../src/tensor/index.ts';

const SIZE = 64;

/** A program of some tenths of a millisecond. */
function chain(): Program<{ readonly y: Tensor }> {
  const x = argument(0, [SIZE, SIZE], 'float32');
  let y: Tensor = x;
  for (let i = 0; i < 10; i++) y = y.matmul(x).mul(0.1).tanh();
  return new Program({ y }, [x], { engine: engine(), threads: 1 });
}

test('what runs beside another run is the same, every time', () => {
  const program = chain();
  const [here, there, alone] = [program.bind(), program.bind(), program.bind()];
  for (let i = 0; i < 300; i++) {
    here.arguments[0]!.fill(i / 300);
    there.arguments[0]!.fill(-i / 300);
    here.results.y.fill(Number.NaN);
    there.results.y.fill(Number.NaN);
    there.runBeside(here);
    for (const bound of [here, there]) {
      alone.arguments[0]!.set(bound.arguments[0]!);
      alone.run();
      expect(bound.results.y).toEqual(alone.results.y);
    }
  }
  for (const bound of [here, there, alone]) bound.release();
  program.dispose();
});

test('errors of either run are thrown, and the thread goes on', () => {
  const table = argument(0, [3, 2], 'float32');
  const rows = argument(1, [1], 'int32');
  const program = new Program({ y: table.take(rows) }, [table, rows], { engine: engine(), threads: 1 });
  const [good, bad] = [program.bind(), program.bind()];
  good.arguments[0]!.set([1, 2, 3, 4, 5, 6]);
  good.arguments[1]![0] = 2;
  bad.arguments[1]![0] = 7;
  for (let i = 0; i < 3; i++) {
    expect(() => bad.runBeside(good)).toThrow('ONNX Runtime');
    expect([...good.results.y]).toEqual([5, 6]);
    good.results.y.fill(0);
    expect(() => good.runBeside(bad)).toThrow('ONNX Runtime');
    expect([...good.results.y]).toEqual([5, 6]);
  }
  program.dispose();
  expect(() => good.runBeside(bad)).toThrow('has been disposed');
});
