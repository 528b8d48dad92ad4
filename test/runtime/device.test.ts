// The engine of the process: how many threads it gets, and what it must prove before it is used.

import { availableParallelism } from 'node:os';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { selfTest } from '../../src/runtime/device.ts';
import { type Binding, type Engine, engine } from '../../src/runtime/index.ts';

describe('GYMFORMER_THREADS', () => {
  beforeEach(() => {
    vi.resetModules();
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  const defaultThreads = async (wanted: string | undefined): Promise<() => number> => {
    vi.stubEnv('GYMFORMER_THREADS', wanted);
    return (await import('../../src/runtime/device.ts')).defaultThreads;
  };

  test('is the number of threads; without it all processors', async () => {
    expect((await defaultThreads('3'))()).toBe(3);
    vi.resetModules();
    expect((await defaultThreads(undefined))()).toBe(availableParallelism());
    vi.resetModules();
    expect((await defaultThreads(''))()).toBe(availableParallelism());
  });

  test.each(['0', '-1', '1.5', 'two', 'Infinity'])('%s is refused, every time', async (wanted) => {
    const threads = await defaultThreads(wanted);
    const message = `GYMFORMER_THREADS is '${wanted}', but must be a whole number of 1 or more`;
    expect(threads).toThrow(message);
    expect(threads).toThrow(message);
  });
});

describe('the self-test', () => {
  /** An engine that computes 2x + 1 in JavaScript, and then puts it somewhere. */
  const fake = (write: (input: Binding, output: Binding, values: Float32Array) => void): Engine => ({
    name: 'fake 1.0',
    load: () => ({
      bind: ([input], [output]) => ({
        run: () =>
          write(
            input!,
            output!,
            Float32Array.from(input!.data, (x) => 2 * x + 1),
          ),
        runBeside: () => undefined,
        runAsync: async () => undefined,
        release: () => undefined,
      }),
      release: () => undefined,
    }),
  });

  test('passes an engine that writes in place', () => {
    expect(() => selfTest(fake((_, output, values) => output.data.set(values)))).not.toThrow();
    expect(() => selfTest(engine())).not.toThrow();
  });

  test('names an engine that writes elsewhere, and what to do', () => {
    expect(() => selfTest(fake(() => undefined))).toThrowErrorMatchingInlineSnapshot(
      `[Error: fake 1.0 failed its self-test: writing in place gave [1, 2, 3] instead of [7, 11, 15]. Install the exact version pinned in package.json ('npm install')]`,
    );
    const half = fake((input, output, values) => output.data.set(values.subarray(0, input.data.length - 1)));
    expect(() => selfTest(half)).toThrow('fake 1.0 failed its self-test');
  });

  test('is behind us once there is an engine', () => {
    expect(engine()).toBe(engine());
    expect(engine().name).toBe('onnxruntime 1.30.0');
  });
});
