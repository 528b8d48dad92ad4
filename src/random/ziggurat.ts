// Normal and exponential numbers by the ziggurat method, as NumPy's Generator draws them.
// Source: G. Marsaglia and W. W. Tsang, "The Ziggurat Method for Generating Random Variables", J. Stat. Software 2000;
// numpy/random/src/distributions/distributions.c. The tail (one draw in 3700) takes logarithms, whose last bit may differ
// between mathematical libraries; all else is exact.

import type { PCG64 } from './pcg64.ts';
import * as tables from './ziggurat-tables.ts';

const NORMAL_R = 3.654152885361009;
const NORMAL_INVERSE_R = 0.27366123732975828;
const EXPONENTIAL_R = 7.69711747013105;

const normalK = new Float64Array(decode(tables.normalK));
const normalW = new Float64Array(decode(tables.normalW));
const normalF = new Float64Array(decode(tables.normalF));
const normalK32 = new Uint32Array(decode(tables.normalK32));
const normalW32 = Float32Array.from(normalW, (width) => width * 2 ** 29);
const normalF32 = Float32Array.from(normalF);
const exponentialK = new Float64Array(decode(tables.exponentialK));
const exponentialW = new Float64Array(decode(tables.exponentialW));
const exponentialF = new Float64Array(decode(tables.exponentialF));

/** A float64 from the standard normal distribution. */
export function standardNormal(bits: PCG64): number {
  for (;;) {
    // One 64-bit output: 8 bits of layer, 1 of sign, 52 of magnitude.
    bits.next();
    const low = bits.low;
    const layer = low & 0xff;
    const magnitude = (bits.high & 0x1fffffff) * 0x800000 + (low >>> 9);
    const distance = magnitude * normalW[layer];
    const x = (low & 0x100) === 0 ? distance : -distance;
    if (magnitude < normalK[layer]) return x;
    if (layer === 0) return normalTail(bits, (low & 0x20000) !== 0);
    const height = (normalF[layer - 1] - normalF[layer]) * bits.nextDouble() + normalF[layer];
    if (height < Math.exp(-0.5 * x * x)) return x;
  }
}

function normalTail(bits: PCG64, negative: boolean): number {
  for (;;) {
    const x = -NORMAL_INVERSE_R * Math.log1p(-bits.nextDouble());
    const y = -Math.log1p(-bits.nextDouble());
    if (y + y > x * x) return negative ? -(NORMAL_R + x) : NORMAL_R + x;
  }
}

/** A float32 from the standard normal distribution, of 32 random bits. */
export function standardNormalFloat32(bits: PCG64): number {
  for (;;) {
    const random = bits.nextUint32();
    const layer = random & 0xff;
    const magnitude = random >>> 9;
    const distance = Math.fround(magnitude * normalW32[layer]);
    const x = (random & 0x100) === 0 ? distance : -distance;
    if (magnitude < normalK32[layer]) return x;
    if (layer === 0) return normalTailFloat32(bits, (magnitude & 0x100) !== 0);
    const difference = Math.fround(normalF32[layer - 1] - normalF32[layer]);
    const height = Math.fround(Math.fround(difference * bits.nextFloat32()) + normalF32[layer]);
    if (height < Math.exp(-0.5 * x * x)) return x;
  }
}

function normalTailFloat32(bits: PCG64, negative: boolean): number {
  const { fround } = Math;
  const r = fround(NORMAL_R);
  for (;;) {
    const x = fround(fround(-NORMAL_INVERSE_R) * fround(Math.log1p(-bits.nextFloat32())));
    const y = -fround(Math.log1p(-bits.nextFloat32()));
    if (fround(y + y) > fround(x * x)) return negative ? -fround(r + x) : fround(r + x);
  }
}

/** A float64 from the exponential distribution of mean 1. */
export function standardExponential(bits: PCG64): number {
  for (;;) {
    // One 64-bit output: 3 bits unused, 8 bits of layer, 53 of magnitude.
    bits.next();
    const low = bits.low;
    const layer = (low >>> 3) & 0xff;
    const magnitude = (bits.high >>> 0) * 0x200000 + (low >>> 11);
    const x = magnitude * exponentialW[layer];
    if (magnitude < exponentialK[layer]) return x;
    if (layer === 0) return EXPONENTIAL_R - Math.log1p(-bits.nextDouble());
    const height = (exponentialF[layer - 1] - exponentialF[layer]) * bits.nextDouble() + exponentialF[layer];
    if (height < Math.exp(-x)) return x;
  }
}

function decode(base64: string): ArrayBuffer {
  const text = atob(base64);
  return Uint8Array.from(text, (character) => character.charCodeAt(0)).buffer;
}
