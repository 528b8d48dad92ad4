// What the package ships are bytes; what people read is text.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { wasmModules } from '../../scripts/wasm-modules.ts';
import { kernelMemory } from '../../src/random/wasm-kernel.ts';

const modules = await wasmModules();

test('there are WebAssembly texts', () => {
  expect(modules.map(({ wat }) => wat)).toContain('src/random/pcg64-kernel.wat');
});

describe.each(modules)('$wat', ({ path, text }) => {
  test('is what the committed bytes were compiled from', () => {
    expect(readFileSync(path, 'utf8'), 'run npm run wasm:generate').toBe(text);
  });
  test('is small enough to be compiled on first use', () => {
    expect(text.length).toBeLessThan(4096);
  });
});

test('memory has room for what was asked, and refuses what cannot be', () => {
  expect(kernelMemory(65_537).buffer.byteLength).toBe(2 * 65_536);
  expect(() => kernelMemory(2 ** 33)).toThrow();
});
