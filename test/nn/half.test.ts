import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from '../../src/nn/half.ts';

const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
const isNaN16 = (half: number): boolean => (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;
const isNaNB16 = (half: number): boolean => (half & 0x7f80) === 0x7f80 && (half & 0x7f) !== 0;

describe('binary16', () => {
  it('reads what numpy reads', () => {
    // numpy.array([...], numpy.uint16).view(numpy.float16)
    const halves = Uint16Array.of(0x0001, 0x03ff, 0x0400, 0x3555, 0x3c00, 0x7bff, 0x8000, 0xc000, 0xfc00);
    const values = [
      5.960464477539063e-8,
      6.097555160522461e-5,
      6.103515625e-5,
      0.333251953125,
      1,
      65504,
      -0,
      -2,
      -Infinity,
    ];
    expect([...float16ToFloat32(halves)]).toEqual(values);
    expect(float16ToFloat32(Uint16Array.of(0x7e00))[0]).toBeNaN();
  });

  it('writes what it reads, for all numbers', () => {
    const back = float32ToFloat16(float16ToFloat32(all));
    expect(all.filter((half, i) => !isNaN16(half) && back[i] !== half)).toHaveLength(0);
    expect(all.filter((half, i) => isNaN16(half) && !isNaN16(back[i]!))).toHaveLength(0);
  });

  it('rounds to the nearest, ties to even', () => {
    expectNearest(float32ToFloat16, float16ToFloat32, 65519);
    // Half way between neighbours, and just above: 1 + 2^-11, 2^-25, 65520.
    const ties = Float32Array.of(
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      2 ** -25,
      2 ** -25 * 1.001,
      3 * 2 ** -25,
      65520,
      65519,
    );
    expect([...float32ToFloat16(ties)]).toEqual([0x3c00, 0x3c02, 0, 1, 2, 0x7c00, 0x7bff]);
  });
});

describe('bfloat16', () => {
  it('is the upper half of a float32, for all numbers', () => {
    const bits = new Uint32Array(bfloat16ToFloat32(all).buffer);
    expect(all.filter((half, i) => bits[i] !== half * 65536)).toHaveLength(0);
    const back = float32ToBfloat16(bfloat16ToFloat32(all));
    expect(all.filter((half, i) => !isNaNB16(half) && back[i] !== half)).toHaveLength(0);
    expect(all.filter((half, i) => isNaNB16(half) && !isNaNB16(back[i]!))).toHaveLength(0);
  });

  it('rounds to the nearest, ties to even', () => {
    expectNearest(float32ToBfloat16, bfloat16ToFloat32, 1e30);
    const ties = Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38);
    expect([...float32ToBfloat16(ties)]).toEqual([0x3f80, 0x3f82, 0x7f80]);
  });
});

/** No neighbour is nearer to a number than the one that was chosen. */
function expectNearest(
  write: (values: Float32Array) => Uint16Array,
  read: (halves: Uint16Array) => Float32Array,
  largest: number,
): void {
  fc.assert(
    fc.property(fc.float({ min: Math.fround(-largest), max: Math.fround(largest), noNaN: true }), (value) => {
      const half = write(Float32Array.of(value))[0]!;
      const [chosen, below, above] = read(Uint16Array.of(half, Math.max(0, (half & 0x7fff) - 1), (half & 0x7fff) + 1));
      const error = Math.abs(Math.abs(value) - Math.abs(chosen!));
      expect(error).toBeLessThanOrEqual(Math.abs(Math.abs(value) - below!));
      expect(error).toBeLessThanOrEqual(Math.abs(Math.abs(value) - above!));
    }),
  );
}
