// Bulk doubles against single ones, which numpy.test.ts checks against NumPy.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeedSequence } from '../../src/random/index.ts';
import { PCG64 } from '../../src/random/pcg64.ts';

const word128 = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
  // Carries between all words, and none.
  fc.constantFrom(0n, 1n, (1n << 128n) - 1n, (1n << 64n) - 1n, 1n << 64n, 1n << 127n, 0xffffffffn),
);

function twins(state: bigint, increment: bigint): [PCG64, PCG64] {
  const make = (): PCG64 => {
    const bits = new PCG64(new SeedSequence(1));
    // Half of an output waits: doubles must leave it waiting.
    const words = { state: String(state), inc: String(increment | 1n) };
    bits.state = { bitGenerator: 'PCG64', state: words, hasUint32: 1, uinteger: 12345 };
    return bits;
  };
  return [make(), make()];
}

function expectSame(state: bigint, increment: bigint, length: number): void {
  const [bulk, single] = twins(state, increment);
  const out = new Float64Array(length);
  bulk.fillDoubles(out);
  expect(out).toEqual(Float64Array.from(out, () => single.nextDouble()));
  expect(bulk.state).toEqual(single.state);
}

test('any state gives the same doubles and the same next state', () => {
  fc.assert(fc.property(word128, word128, fc.integer({ min: 0, max: 40 }), expectSame), { numRuns: 500 });
});

test.each([8187, 8188, 8189, 20_000])('%i doubles, around what one call of the kernel may draw', (length) => {
  expectSame(0x0123456789abcdef0011223344556677n, 0xfedcba98765432100123456789abcdefn, length);
});

test('generators that take turns do not disturb each other', () => {
  const alone = new PCG64(new SeedSequence(7));
  const turns = [7, 8].map((seed) => new PCG64(new SeedSequence(seed)));
  const drawn = [1, 2, 3].map(() => turns.map((bits) => fill(bits, 50))[0]);
  expect(drawn).toEqual([1, 2, 3].map(() => fill(alone, 50)));
});

function fill(bits: PCG64, length: number): Float64Array {
  const out = new Float64Array(length);
  bits.fillDoubles(out);
  return out;
}
