// NumPy's SeedSequence: turns any seed into as many well-mixed words as a generator needs, and spawns independent children.
// Source: numpy.random.SeedSequence; design by M. E. O'Neill, "Developing a seed_seq Alternative", pcg-random.org, 2015.

const INIT_A = 0x43b0d7e5;
const MULT_A = 0x931e8875;
const INIT_B = 0x8b51f9dd;
const MULT_B = 0x58f38ded;
const MIX_MULT_L = 0xca01f9dd;
const MIX_MULT_R = 0x4973f715;
const POOL_SIZE = 4;

/** What a seed may be: a non-negative integer of any size, or several. */
export type Entropy = number | bigint | readonly (number | bigint)[];

/** A seed sequence as JSON data; integers as decimal strings. */
export interface SeedSequenceState {
  readonly entropy: string | readonly string[];
  readonly spawnKey: readonly number[];
  readonly childrenSpawned: number;
}

/** A source of seeds that is mixed from `entropy` (drawn from the operating system when left out). Equals NumPy's bit for bit. */
export class SeedSequence {
  /** The seed. */
  readonly entropy: bigint | readonly bigint[];
  /** The path of child numbers from the root to this sequence; empty at the root. */
  readonly spawnKey: readonly number[];

  #pool: Uint32Array;
  #childrenSpawned: number;

  /**
   * @throws RangeError if an integer is negative, not whole, or a number beyond 2^53 (use a bigint).
   */
  constructor(
    entropy: Entropy = systemEntropy(),
    options: { spawnKey?: readonly number[]; childrenSpawned?: number } = {},
  ) {
    this.entropy = typeof entropy === 'object' ? entropy.map(toSeedInteger) : toSeedInteger(entropy);
    this.spawnKey = [...(options.spawnKey ?? [])];
    this.#childrenSpawned = options.childrenSpawned ?? 0;
    this.#pool = mixEntropy(assembleEntropy(this.entropy, this.spawnKey));
  }

  /** How many children have been spawned so far. */
  get childrenSpawned(): number {
    return this.#childrenSpawned;
  }

  /** `count` words of 32 bits, always the same ones. */
  generateState(count: number): Uint32Array {
    const words = new Uint32Array(count);
    let hash = INIT_B;
    for (let i = 0; i < count; i++) {
      let word = this.#pool[i % POOL_SIZE] ^ hash;
      hash = Math.imul(hash, MULT_B);
      word = Math.imul(word, hash);
      words[i] = word ^ (word >>> 16);
    }
    return words;
  }

  /** `count` children whose streams are independent of this one and of each other. Each call gives new ones. */
  spawn(count: number): SeedSequence[] {
    const first = this.#childrenSpawned;
    this.#childrenSpawned += count;
    return Array.from(
      { length: count },
      (_, i) => new SeedSequence(this.entropy, { spawnKey: [...this.spawnKey, first + i] }),
    );
  }

  /** This sequence as JSON data. */
  toJSON(): SeedSequenceState {
    const entropy = typeof this.entropy === 'bigint' ? String(this.entropy) : this.entropy.map(String);
    return { entropy, spawnKey: this.spawnKey, childrenSpawned: this.#childrenSpawned };
  }

  /** The sequence that `toJSON` described. */
  static fromJSON({ entropy, spawnKey, childrenSpawned }: SeedSequenceState): SeedSequence {
    return new SeedSequence(typeof entropy === 'string' ? BigInt(entropy) : entropy.map(BigInt), {
      spawnKey,
      childrenSpawned,
    });
  }
}

/** A seed as a bigint. Throws RangeError if it is no non-negative integer. */
function toSeedInteger(seed: number | bigint): bigint {
  if (typeof seed === 'bigint' ? seed < 0n : !(Number.isSafeInteger(seed) && seed >= 0)) {
    throw new RangeError(`A seed must be a non-negative integer (above 2^53 as a bigint), but got ${seed}`);
  }
  return BigInt(seed);
}

function systemEntropy(): bigint {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
}

/** The 32-bit words of an integer, least significant first; at least one. */
function toWords(value: bigint): number[] {
  const words: number[] = [];
  do {
    words.push(Number(value & 0xffffffffn));
    value >>= 32n;
  } while (value > 0n);
  return words;
}

function assembleEntropy(entropy: bigint | readonly bigint[], spawnKey: readonly number[]): number[] {
  const words = typeof entropy === 'bigint' ? toWords(entropy) : entropy.flatMap(toWords);
  if (spawnKey.length > 0) while (words.length < POOL_SIZE) words.push(0);
  for (const key of spawnKey) words.push(...toWords(BigInt(key)));
  return words;
}

function mixEntropy(entropy: readonly number[]): Uint32Array {
  const pool = new Uint32Array(POOL_SIZE);
  let hash = INIT_A;
  const hashMix = (value: number): number => {
    value ^= hash;
    hash = Math.imul(hash, MULT_A);
    value = Math.imul(value, hash);
    return value ^ (value >>> 16);
  };
  const mix = (x: number, y: number): number => {
    const result = (Math.imul(MIX_MULT_L, x) - Math.imul(MIX_MULT_R, y)) | 0;
    return result ^ (result >>> 16);
  };
  for (let i = 0; i < POOL_SIZE; i++) pool[i] = hashMix(entropy[i] ?? 0);
  for (let source = 0; source < POOL_SIZE; source++) {
    for (let target = 0; target < POOL_SIZE; target++) {
      if (source !== target) pool[target] = mix(pool[target], hashMix(pool[source]));
    }
  }
  for (let source = POOL_SIZE; source < entropy.length; source++) {
    for (let target = 0; target < POOL_SIZE; target++) pool[target] = mix(pool[target], hashMix(entropy[source]));
  }
  return pool;
}
