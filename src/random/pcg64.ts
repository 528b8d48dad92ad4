// PCG64 (XSL-RR, 128 bits of state, 64 bits of output), NumPy's default bit generator, without BigInt in the hot path.
// Source: M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for Random Number
// Generation", HMC-CS-2014-0905; numpy.random.PCG64.

import { fillDoublesByKernel } from './pcg64-kernel.ts';
import type { SeedSequence } from './seed-sequence.ts';

// The multiplier 0x2360ed051fc65da44385df649fccf645 in words of 32 bits, least significant first.
const M0 = 0x9fccf645;
const M1 = 0x4385df64;
const M2 = 0x1fc65da4;
const M3 = 0x2360ed05;

const TWO_POW_MINUS_32 = 2 ** -32;
const TWO_POW_MINUS_53 = 2 ** -53;
const TWO_POW_MINUS_24 = 2 ** -24;

/** From how many doubles on the kernel is faster, the way to it and back included. */
const KERNEL_LENGTH = 8;

// Where things lie in `words`.
const INCREMENT = 4;
const LOW = 8;
const HIGH = 9;

/** The state of a {@link PCG64} as JSON data: NumPy's `bit_generator.state`, with 128-bit integers as decimal strings. */
export interface PCG64State {
  readonly bitGenerator: 'PCG64';
  readonly state: { readonly state: string; readonly inc: string };
  /** 1 if half of the last 64-bit output still waits to be used. */
  readonly hasUint32: 0 | 1;
  /** The waiting half. */
  readonly uinteger: number;
}

/** The bit generator: raw random bits, and nothing about distributions. */
export class PCG64 {
  // [0..3] state, [4..7] increment, [8] and [9] low and high half of the last output. 32-bit words in one Int32Array,
  // because a typed array never boxes numbers.
  readonly #words = new Int32Array(10);
  #hasUint32 = false;
  #uint32 = 0;

  constructor(seed: SeedSequence) {
    // NumPy reads the seed as four 64-bit words: high and low half of the initial state, high and low half of the stream.
    const seeds = seed.generateState(8);
    const initialState = join(seeds[2], seeds[3], seeds[0], seeds[1]);
    const stream = join(seeds[6], seeds[7], seeds[4], seeds[5]);
    // As in the reference code: increment = 2 * stream + 1; state = 0; step; add the seed; step.
    this.#setWords(INCREMENT, (stream << 1n) | 1n);
    this.next();
    this.#setWords(0, this.#getWords(0) + initialState);
    this.next();
  }

  /** Steps once. The output's halves are then in {@link low} and {@link high}. */
  next(): void {
    const words = this.#words;
    const s0 = words[0];
    const s1 = words[1];
    const s2 = words[2];
    const s3 = words[3];
    const c0 = words[4];
    const c1 = words[5];
    const c2 = words[6];
    const c3 = words[7];
    const f0 = s0 >>> 0;
    const f1 = s1 >>> 0;
    const f2 = s2 >>> 0;
    // state = state * M + c modulo 2^128, a column of 32 bits at a time. Math.imul gives a column's low word exactly.
    // The carry is (column - low word) / 2^32: the column as a double is off by less than 2^14, so rounding mends it.
    const n0 = (Math.imul(s0, M0) + c0) | 0;
    const carry0 = ((f0 * M0 + (c0 >>> 0) - (n0 >>> 0)) * TWO_POW_MINUS_32 + 0.5) >>> 0;
    const n1 = (carry0 + Math.imul(s0, M1) + Math.imul(s1, M0) + c1) | 0;
    const carry1 = (f0 * M1 + f1 * M0 + (c1 >>> 0) + carry0 - (n1 >>> 0)) * TWO_POW_MINUS_32 + 0.5;
    const n2 = ((carry1 | 0) + Math.imul(s0, M2) + Math.imul(s1, M1) + Math.imul(s2, M0) + c2) | 0;
    const carry2 = (f0 * M2 + f1 * M1 + f2 * M0 + (c2 >>> 0) + carry1 - (n2 >>> 0)) * TWO_POW_MINUS_32 + 0.5;
    const n3 = ((carry2 | 0) + c3 + Math.imul(s0, M3) + Math.imul(s1, M2) + Math.imul(s2, M1) + Math.imul(s3, M0)) | 0;
    words[0] = n0;
    words[1] = n1;
    words[2] = n2;
    words[3] = n3;
    // Output: the xor of both halves, rotated right by the top six bits. Bit 63 of the rotation swaps the words.
    let high = n3 ^ n1;
    let low = n2 ^ n0;
    const swap = (high ^ low) & (n3 >> 31);
    high ^= swap;
    low ^= swap;
    const shift = n3 >>> 26;
    words[LOW] = (low >>> shift) | ((high << 1) << ~shift);
    words[HIGH] = (high >>> shift) | ((low << 1) << ~shift);
  }

  /** The low 32 bits of the last output, as a signed integer. */
  get low(): number {
    return this.#words[LOW];
  }

  /** The high 32 bits of the last output, as a signed integer. */
  get high(): number {
    return this.#words[HIGH];
  }

  /** 32 random bits as an integer in [0, 2^32). One 64-bit output serves two calls, low half first, as in NumPy. */
  nextUint32(): number {
    if (this.#hasUint32) {
      this.#hasUint32 = false;
      return this.#uint32;
    }
    this.next();
    this.#hasUint32 = true;
    this.#uint32 = this.#words[HIGH] >>> 0;
    return this.#words[LOW] >>> 0;
  }

  /** 64 random bits. Slow: for rare wide ranges and tests. */
  nextUint64(): bigint {
    this.next();
    return (BigInt(this.#words[HIGH] >>> 0) << 32n) | BigInt(this.#words[LOW] >>> 0);
  }

  /** A float64 in [0, 1) with 53 random bits. */
  nextDouble(): number {
    this.next();
    const words = this.#words;
    return ((words[HIGH] >>> 0) * 0x200000 + (words[LOW] >>> 11)) * TWO_POW_MINUS_53;
  }

  /** Fills `out` as calls of {@link nextDouble} would, at about a fourth of their cost if `out` is long. */
  fillDoubles(out: Float64Array): void {
    if (out.length >= KERNEL_LENGTH) fillDoublesByKernel(this.#words, out);
    else for (let i = 0; i < out.length; i++) out[i] = this.nextDouble();
  }

  /** A float32 in [0, 1) with 24 random bits. */
  nextFloat32(): number {
    return (this.nextUint32() >>> 8) * TWO_POW_MINUS_24;
  }

  get state(): PCG64State {
    return {
      bitGenerator: 'PCG64',
      state: { state: String(this.#getWords(0)), inc: String(this.#getWords(INCREMENT)) },
      hasUint32: this.#hasUint32 ? 1 : 0,
      uinteger: this.#uint32,
    };
  }

  set state(state: PCG64State) {
    if (state.bitGenerator !== 'PCG64') {
      throw new TypeError(`Expected the state of a PCG64, but got one of ${String(state.bitGenerator)}`);
    }
    this.#setWords(0, BigInt(state.state.state));
    this.#setWords(INCREMENT, BigInt(state.state.inc));
    this.#hasUint32 = state.hasUint32 === 1;
    this.#uint32 = state.uinteger >>> 0;
  }

  #getWords(at: number): bigint {
    const words = this.#words;
    return join(words[at], words[at + 1], words[at + 2], words[at + 3]);
  }

  #setWords(at: number, value: bigint): void {
    for (let i = 0; i < 4; i++) this.#words[at + i] = Number((value >> BigInt(32 * i)) & 0xffffffffn);
  }
}

/** A 128-bit integer of four 32-bit words, least significant first. */
function join(w0: number, w1: number, w2: number, w3: number): bigint {
  return [w3, w2, w1, w0].reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
}
