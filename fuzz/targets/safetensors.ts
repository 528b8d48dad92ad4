// Tensors in memory and in a file.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors, SafetensorsError, SafetensorsFile, writeSafetensors } from '../../src/nn/index.ts';
import type { Target } from '../target.ts';

const target: Target = {
  words: ['"F32"', '"BF16"', '"I64"', '"BOOL"', '"data_offsets":[0,8]', '"shape":[2,2]', '__metadata__', '"shape":[]'],
  refusals: [SafetensorsError],
  seeds: () => [
    writeSafetensors(
      new Map([
        ['a', { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
        ['b.c', { shape: [3], data: Float32Array.of(1, 2, 3) }],
      ]),
      { format: 'pt' },
    ),
    writeSafetensors(new Map()),
  ],
  async read(bytes, folder) {
    const path = join(folder, 'model.safetensors');
    writeFileSync(path, bytes);
    let whole: unknown;
    try {
      whole = readSafetensors(bytes);
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw error;
    }
    const file = await SafetensorsFile.open(path);
    try {
      for (const [name, { shape }] of file.tensors) {
        const size = shape.reduce((product, length) => product * length, 1);
        try {
          await file.readInto(name, new Float32Array(size));
        } catch (error) {
          if (!(error instanceof SafetensorsError)) throw error;
        }
      }
    } finally {
      await file.close();
    }
    // What one way of reading takes, the other takes as well.
    if (whole === undefined) throw new Error('refused as bytes, but read as a file');
  },
};
export default target;
