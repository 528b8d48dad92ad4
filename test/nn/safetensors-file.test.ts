import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SafetensorsError, SafetensorsFile, writeSafetensors, writeSafetensorsFile } from '../../src/nn/index.ts';
import { defaultRng } from '../../src/random/index.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gymformer-'));
  path = join(folder, 'x.safetensors');
});
afterEach(() => rmSync(folder, { recursive: true }));

// More than is read at a time, and no multiple of it.
const SIZE = 2 ** 20 + 12345;
const large = defaultRng(0).fillNormal(new Float32Array(SIZE));
const small = Float32Array.of(1.5, -2, 0.25);

describe('SafetensorsFile', () => {
  it.each(['F32', 'F16', 'BF16'] as const)('holds byte for byte what writeSafetensors makes, in %s', async (dtype) => {
    const entries = { large: { shape: [SIZE], dtype, data: large }, small: { shape: [3, 1], dtype, data: small } };
    const lazy = Object.entries(entries).map(([name, entry]) => [name, { ...entry, data: () => entry.data }] as const);
    await writeSafetensorsFile(path, new Map(lazy), { format: 'pt' });
    const bytes = writeSafetensors(new Map(Object.entries(entries)), { format: 'pt' });
    expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
  });

  it('reads elements into memory that is there, as float32', async () => {
    writeFileSync(
      path,
      writeSafetensors(
        new Map([
          ['a', { shape: [SIZE], dtype: 'F32' as const, data: large }],
          ['b', { shape: [3], dtype: 'F16' as const, data: small }],
          ['c', { shape: [SIZE], dtype: 'BF16' as const, data: large }],
          ['d', { shape: [3], data: Float64Array.from(small) }],
          ['e', { shape: [1], data: Int32Array.of(7) }],
        ]),
        { by: 'us' },
      ),
    );
    const file = await SafetensorsFile.open(path);
    expect(file.metadata).toEqual({ by: 'us' });
    expect(file.tensors.get('b')).toMatchObject({ dtype: 'F16', shape: [3] });
    const memory = new Float32Array(SIZE + 2);
    await file.readInto('a', memory.subarray(1, SIZE + 1));
    expect(Buffer.compare(Buffer.from(memory.buffer, 4, 4 * SIZE), Buffer.from(large.buffer))).toBe(0);
    expect([memory[0], memory.at(-1)]).toEqual([0, 0]);
    for (const name of ['b', 'd']) {
      const target = new Float32Array(3);
      await file.readInto(name, target);
      expect(target).toEqual(small);
    }
    const rounded = new Float32Array(SIZE);
    await file.readInto('c', rounded);
    const far = rounded.reduce((most, x, i) => Math.max(most, Math.abs(x / large[i]! - 1)), 0);
    expect(far).toBeLessThanOrEqual(2 ** -8);
    expect(far).toBeGreaterThan(2 ** -9);
    await expect(file.readInto('e', new Float32Array(1))).rejects.toThrow('type I32, which are no floats');
    await expect(file.readInto('a', new Float32Array(3))).rejects.toThrow('does not fill 3 elements');
    await expect(file.readInto('z', new Float32Array(3))).rejects.toThrow("there is no tensor 'z'");
    await file.close();
  });

  it('refuses a file that is not whole, naming it', async () => {
    const bytes = writeSafetensors(new Map([['small', { shape: [3], data: small }]]));
    for (const length of [0, 5, 8, 20, bytes.length - 1]) {
      writeFileSync(path, bytes.subarray(0, length));
      await expect(SafetensorsFile.open(path)).rejects.toThrow(SafetensorsError);
      await expect(SafetensorsFile.open(path)).rejects.toThrow(path);
    }
  });

  it('does not write elements that do not fit their shape', async () => {
    const tensors = new Map([['x', { shape: [4], dtype: 'F32' as const, data: () => small }]]);
    await expect(writeSafetensorsFile(path, tensors)).rejects.toThrow("tensor 'x': 3 elements do not fill shape [4]");
  });
});
