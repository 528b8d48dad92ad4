// What the recorded rows of numpy.test.ts leave out. Numbers come from NumPy 2.4.6; each stands beside the call that gives
// it, to be run again as `g = np.random.default_rng(seed); ...`.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultRng, Generator, type GeneratorState, npRandom, SeedSequence } from '../../src/random/index.ts';

const sha256 = (array: ArrayBufferView): string =>
  createHash('sha256')
    .update(array as Uint8Array)
    .digest('hex');

describe('long streams are NumPy’s to the last bit', () => {
  // hashlib.sha256(np.random.default_rng(2024).standard_normal(100000).tobytes()).hexdigest(), and so on. They pass
  // through every layer of the ziggurat and through its tail.
  test.each([
    ['random', (g: Generator) => g.random(100000), '80dac58c9570439d7adf5a50a1de5b679140954a447ef040a40c27c546a6bc71'],
    [
      'random float32',
      (g: Generator) => g.random(100000, 'float32'),
      'ca86583985c15c817eca3f290102b1235ac8a86077aa1a4d4328556af3c17966',
    ],
    [
      'normal',
      (g: Generator) => g.standardNormal(100000),
      '6228542597aee9f41c11b1db5f672c8fb7d1c857e2d0d330ac1622a2daf96f0c',
    ],
    [
      'normal float32',
      (g: Generator) => g.standardNormal(100000, 'float32'),
      'fa7c6e49c9ebd3e72a7df7b5c5d561be7a0e242ea4151e7b70fa5c1f2b7145d6',
    ],
    [
      'exponential',
      (g: Generator) => g.exponential(1, 100000),
      'e2bcac0a37c9bd6cc13072a92d79c4f47e491ee5f582f8a84305469821caac3d',
    ],
    [
      'integers(0, 3000000000), as float64',
      (g: Generator) => g.integers(0, 3e9, { size: 100000 }),
      '85d920de02f83473c45c62bbf7e6c4d067c1baa7c9b8aeda27a82db63867103c',
    ],
    [
      'integers(0, 2**45 + 12345), as float64',
      (g: Generator) => g.integers(0, 2 ** 45 + 12345, { size: 100000 }),
      'b2250d3e5a93cf5db47711576828908d20b5873baafe5dda0738c88f5607018e',
    ],
  ])('%s', (_, draw, digest) => {
    expect(sha256(draw(defaultRng(2024)))).toBe(digest);
  });
});

describe('single calls', () => {
  test('an entropy of several integers', () => {
    // default_rng([1, 2**40, 3]).random()
    expect(defaultRng([1, 2 ** 40, 3]).random()).toBe(0.8787680561404596);
  });

  test('choice without replacement out of many', () => {
    // g.choice(20000, size=1000, replace=False)[:5], g.random()
    const tail = defaultRng(3);
    expect(Array.from(tail.choice(20000, { size: 1000, replace: false }).subarray(0, 5))).toEqual([
      14316, 13289, 12713, 5283, 2159,
    ]);
    expect(tail.random()).toBe(0.9409023604983773);
    // g.choice(20000, size=1000, replace=False, shuffle=False)[:5]
    const set = defaultRng(3).choice(20000, { size: 1000, replace: false, shuffle: false });
    expect(Array.from(set.subarray(0, 5))).toEqual([15419, 1627, 3409, 4500, 3446]);
  });

  test('arrays of bounds', () => {
    const g = defaultRng(3);
    // g.integers([0, 10], [5, 20], size=(2, 2)), g.uniform([0, 1], 2, (2, 2))
    expect([...g.integers([0, 10], [5, 20], { size: [2, 2] })]).toEqual([4, 10, 0, 12]);
    const uniform = [1.60254893, 1.58216204, 0.18825728, 1.43312694];
    g.uniform([0, 1], 2, [2, 2]).forEach((value, i) => expect(value).toBeCloseTo(uniform[i], 8));
    const h = defaultRng(3);
    // h.integers(0, [3, 300], dtype=np.int16), h.integers(0, [2, 1, 2], dtype=bool), h.random()
    expect([...h.integers(0, [3, 300], { dtype: 'int16' })]).toEqual([2, 243]);
    expect([...h.integers(0, [2, 1, 2], { dtype: 'bool' })]).toEqual([1, 0, 1]);
    expect(h.random()).toBe(0.2368105065960997);
  });

  test('integers of 64 bits', () => {
    const g = defaultRng(3);
    // g.integers(0, 2**64 - 1, dtype=np.uint64, endpoint=True), g.integers(-2**63, 2**63 - 1, endpoint=True), g.integers(2**50)
    expect(g.integers(0n, 2n ** 64n - 1n, { endpoint: true })).toBe(1579948266424812280n);
    expect(g.integers(-(2n ** 63n), 2n ** 63n - 1n, { endpoint: true })).toBe(-4854989227711015947n);
    expect(g.integers(2 ** 50)).toBe(902154845731255);
    expect(g.random()).toBe(0.5821620360643678);
  });
});

describe('the state', () => {
  test('is NumPy’s', () => {
    // g = default_rng(7); g.integers(5); g.bit_generator.state; g.integers(5), g.random()
    const g = defaultRng(7);
    g.integers(5);
    expect(g.state).toMatchObject({
      bitGenerator: 'PCG64',
      state: { state: '202649823521392248019888743452465977457', inc: '261136684632268670825940853076396136793' },
      hasUint32: 1,
      uinteger: 2684764585,
    });
    const other = defaultRng(0);
    other.state = g.state;
    expect([other.integers(5), other.random()]).toEqual([3, 0.8972138009695755]);
  });

  test('goes through JSON at any place, children included', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 130n }), fc.nat(20), fc.nat(3), (seed, draws, children) => {
        const [g] = npRandom(seed);
        for (let i = 0; i < draws; i++) g.integers(10);
        g.spawn(children);
        const restored = defaultRng();
        restored.state = JSON.parse(JSON.stringify(g.state)) as GeneratorState;
        expect(restored.clone().random(3, 'float32')).toEqual(g.clone().random(3, 'float32'));
        expect(restored.spawn(1)[0].random()).toBe(g.spawn(1)[0].random());
        expect(restored.integers(1000)).toBe(g.integers(1000));
      }),
    );
  });

  test('of another generator is refused', () => {
    const state = { ...defaultRng(0).state, bitGenerator: 'MT19937' } as unknown as GeneratorState;
    expect(() => {
      defaultRng(0).state = state;
    }).toThrow(/PCG64.*MT19937/);
  });
});

describe('spawning', () => {
  test('goes on where it stopped, and down', () => {
    // c = default_rng(5); c.spawn(2); a = c.spawn(1)[0]; a.random(), a.spawn(1)[0].random()
    const c = defaultRng(5);
    c.spawn(2);
    const [a] = c.spawn(1);
    expect([a.random(), a.spawn(1)[0].random()]).toEqual([0.6337294897074003, 0.4945388243063964]);
  });

  test('a seed sequence comes back from JSON', () => {
    const sequence = new SeedSequence([1n, 2n ** 70n]).spawn(3)[2];
    sequence.spawn(1);
    const restored = SeedSequence.fromJSON(JSON.parse(JSON.stringify(sequence)));
    expect(restored).toMatchObject({ entropy: [1n, 2n ** 70n], spawnKey: [2], childrenSpawned: 1 });
    expect(restored.generateState(4)).toEqual(sequence.generateState(4));
  });
});

test('filling an array is drawing it', () => {
  const [a, b] = [defaultRng(1), defaultRng(1)];
  expect(a.fillUniform(new Float32Array(9))).toEqual(b.random(9, 'float32'));
  expect(a.fillUniform(new Float64Array(9))).toEqual(b.random([3, 3]));
  expect(a.fillNormal(new Float32Array(9))).toEqual(b.standardNormal(9, 'float32'));
  expect(a.fillNormal(new Float64Array(9))).toEqual(b.standardNormal(9));
  expect(a.normal(2, 3, 4)).toEqual(b.standardNormal(4).map((z) => 2 + 3 * z));
});

test('integers lie within their bounds, whatever these are', () => {
  const bounds = fc.tuple(fc.maxSafeInteger(), fc.maxSafeInteger()).filter(([a, b]) => Math.abs(a - b) < 2 ** 53);
  fc.assert(
    fc.property(bounds, fc.nat(), ([a, b], seed) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      const value = defaultRng(seed).integers(low, high, { endpoint: true });
      expect(value).toBeGreaterThanOrEqual(low);
      expect(value).toBeLessThanOrEqual(high);
    }),
  );
});

test('without a seed, generators differ', () => {
  const [[a, seed], [b]] = [npRandom(), npRandom()];
  expect(a.random()).not.toBe(b.random());
  expect(npRandom(seed)[0].random()).toBe(npRandom(seed)[0].random());
});

test.each([
  [() => npRandom(-1), /non-negative integer.*-1/],
  [() => npRandom(1.5), /non-negative integer.*1\.5/],
  [() => npRandom(-1n), /non-negative integer.*-1/],
  [() => npRandom(2 ** 60), /as a bigint/],
  [() => defaultRng(0).integers(0), /low < high/],
  [() => defaultRng(0).integers(1.5), /needs integers/],
  [() => defaultRng(0).integers(0, Number.NaN), /needs integers/],
  [() => defaultRng(0).integers(5n, 5n), /low < high/],
  [() => defaultRng(0).integers(0, 300, { size: 2, dtype: 'uint8' }), /beyond uint8/],
  [() => defaultRng(0).integers([1, 2], [3, 4, 5]), /does not fit/],
  [() => defaultRng(0).uniform(1, 0), /low <= high/],
  [() => defaultRng(0).uniform(0, Infinity), /finite/],
  [() => defaultRng(0).normal(0, -1), /scale.*-1/],
  [() => defaultRng(0).geometric(0), /\(0, 1\].*0/],
  [() => defaultRng(0).choice(3, { p: [0.5, 0.5] }), /2 probabilities for 3/],
  [() => defaultRng(0).choice(2, { p: [0.5, 0.6] }), /sum to 1/],
  [() => defaultRng(0).choice(2, { p: [1.5, -0.5] }), /negative/],
  [() => defaultRng(0).choice(3, { size: 4, replace: false }), /4 different values out of 3/],
  [() => defaultRng(0).choice(3, { size: 3, replace: false, p: [0.5, 0.5, 0] }), /out of 2/],
  [() => defaultRng(0).choice([]), /low < high/],
  [() => defaultRng(0).random(-1), /size.*-1/],
])('impossible arguments are refused: %s', (call, message) => {
  expect(call).toThrow(message);
});
