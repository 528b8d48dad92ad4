import { expect, test } from 'vitest';
import { inLanes, lanesFor, rowsOfBatch } from '../../src/lm/lanes.ts';
import { RowModel } from '../../src/lm/length-batches.ts';
import { stack } from '../../src/tensor/index.ts';

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('two lanes have half of the threads each; one row, or one thread, makes one lane', () => {
  expect(lanesFor(8, 2)).toEqual({ count: 2, threads: 1 });
  expect(lanesFor(8, 5)).toEqual({ count: 2, threads: 2 });
  expect(lanesFor(1, 8)).toEqual({ count: 1, threads: 8 });
  expect(lanesFor(8, 1)).toEqual({ count: 1, threads: 1 });
  expect(lanesFor(0, 4)).toEqual({ count: 1, threads: 4 });
});

test('batches are of powers of two rows, enough for each lane', () => {
  const lanes = lanesFor(8, 2);
  expect([1, 2, 5, 8, 9, 100].map((rows) => rowsOfBatch(rows, lanes, 16))).toEqual([1, 1, 4, 4, 8, 16]);
  expect(rowsOfBatch(8, lanes, 3)).toBe(3);
  expect(rowsOfBatch(0, lanes, 16)).toBe(1);
});

test('every batch runs once, two at a time, and never two in one lane', async () => {
  const busy = new Set<number>();
  const seen: number[] = [];
  let most = 0;
  await inLanes([0, 1, 2, 3, 4], lanesFor(8, 2), async (batch, lane) => {
    expect(busy.has(lane)).toBe(false);
    busy.add(lane);
    most = Math.max(most, busy.size);
    await wait(1);
    seen.push(batch);
    busy.delete(lane);
  });
  expect(seen.toSorted()).toEqual([0, 1, 2, 3, 4]);
  expect(most).toBe(2);
});

test('what fails is told once no lane is at work any more', async () => {
  let atWork = 0;
  const run = inLanes([0, 1], lanesFor(8, 2), async (batch) => {
    atWork++;
    await wait(batch === 0 ? 1 : 10);
    atWork--;
    if (batch === 0) throw new Error('the first');
  });
  await expect(run).rejects.toThrow('the first');
  expect(atWork).toBe(0);
});

test('a model over rows: each by itself, whatever their number and order, and whoever asks meanwhile', async () => {
  // The sum of a row's tokens, of which those that fill it up must not count; and its length.
  const model = new RowModel((ids, lengths) => {
    const [sums, counts] = [ids.cast('float32').sum({ axis: 1 }), lengths.cast('float32')];
    return stack([sums, counts], 1);
  });
  const rows = Array.from({ length: 23 }, (_, i) => Int32Array.from({ length: 1 + ((7 * i) % 20) }, () => i));
  const expected = rows.map((row, i) => [i * row.length, row.length]);
  const options = { batchSize: 4, maxPositions: 24 };
  const [all, few] = await Promise.all([model.over(rows, options), model.over(rows.slice(0, 1), options)]);
  expect(all.map((row) => [...row])).toEqual(expected);
  expect(few.map((row) => [...row])).toEqual(expected.slice(0, 1));
  expect(await model.over([], options)).toEqual([]);
  model.dispose();
  expect((await model.over(rows, options)).map((row) => [...row])).toEqual(expected);
});
