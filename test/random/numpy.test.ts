// Bit-for-bit equality with NumPy. The fixture was recorded with NumPy 1.24.2: every row of `draws` is what the named call
// of numpy.random.Generator gives, 50 times over, on a fresh generator `gymnasium.utils.seeding.np_random(seed)`. To record
// a row again: `g, _ = seeding.np_random(seed); [g.normal() for _ in range(50)]`, and so on, as each row's name says.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Generator, npRandom, PCG64, SeedSequence } from '../../src/random/index.ts';

interface SeedFixture {
  seed_returned: string;
  pcg64_state: string;
  pcg64_inc: string;
  seedseq_generate_state_uint32x8: number[];
  seedseq_spawn3_first_random: number[];
  draws: Record<string, unknown[]>;
}

const fixture = JSON.parse(readFileSync(new URL('../fixtures/gymnasium/rng-numpy.json', import.meta.url), 'utf8')) as {
  seeds: Record<string, SeedFixture>;
};

const times = <T>(count: number, draw: () => T): T[] => Array.from({ length: count }, draw);
const list = (values: ArrayLike<unknown>): unknown[] => Array.from(values);
const ten = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const weights = [0.1, 0.2, 0.3, 0.4];

function shuffleOnAndOn(generator: Generator, values: number[] | Float64Array): unknown[] {
  return times(50, () => {
    generator.shuffle(values);
    return list(values);
  });
}

const rows: Record<string, (g: Generator) => unknown> = {
  random: (g) => times(50, () => g.random()),
  random_size50: (g) => list(g.random(50)),
  random_float32_size50: (g) => list(g.random(50, 'float32')),
  'integers(0,10)': (g) => times(50, () => g.integers(0, 10)),
  'integers(0,10,size=50)': (g) => list(g.integers(0, 10, { size: 50 })),
  'integers(2)': (g) => times(50, () => g.integers(2)),
  'integers(-3,4)': (g) => times(50, () => g.integers(-3, 4)),
  'integers(1)': (g) => [...times(3, () => g.integers(1)), g.integers(1000)],
  'integers(2147483647)': (g) => times(50, () => g.integers(2147483647)),
  'integers(2147483647,size=5)x10': (g) => times(10, () => list(g.integers(0, 2147483647, { size: 5 }))),
  'integers(0,2**32)': (g) => times(50, () => g.integers(0, 2 ** 32)),
  'integers(0,2**40)': (g) => times(50, () => g.integers(0, 2 ** 40)),
  'integers(0,2**63-1)': (g) => times(50, () => ({ bigint: String(g.integers(0n, 2n ** 63n - 1n)) })),
  'integers(5,endpoint=True)': (g) => times(50, () => g.integers(5, undefined, { endpoint: true })),
  'integers(0,2,size=50,dtype=int8)': (g) => list(g.integers(0, 2, { size: 50, dtype: 'int8' })),
  'integers(0,256,size=50,dtype=uint8)': (g) => list(g.integers(0, 256, { size: 50, dtype: 'uint8' })),
  'integers(0,100,size=50,dtype=int8)': (g) => list(g.integers(0, 100, { size: 50, dtype: 'int8' })),
  'integers(0,1000,size=50,dtype=int16)': (g) => list(g.integers(0, 1000, { size: 50, dtype: 'int16' })),
  'integers(0,1000,size=50,dtype=int32)': (g) => list(g.integers(0, 1000, { size: 50, dtype: 'int32' })),
  'integers(0,2,size=50,dtype=bool)': (g) => list(g.integers(0, 2, { size: 50, dtype: 'bool' })).map((v) => v === 1),
  'integers([0,0,0],[3,5,7])x17': (g) => times(17, () => list(g.integers([0, 0, 0], [3, 5, 7]))),
  'interleaved integers(10)/random': (g) => times(25, () => [g.integers(10), g.random()]).flat(),
  normal: (g) => times(50, () => g.normal()),
  'normal(2,0.5)': (g) => times(50, () => g.normal(2, 0.5)),
  standard_normal_size50: (g) => list(g.standardNormal(50)),
  standard_normal_float32_size50: (g) => list(g.standardNormal(50, 'float32')),
  exponential: (g) => times(50, () => g.exponential()),
  'geometric(0.25)': (g) => times(50, () => g.geometric(0.25)),
  'geometric(0.5)': (g) => times(50, () => g.geometric(0.5)),
  'uniform(-0.05,0.05,(4,))x50': (g) => times(50, () => list(g.uniform(-0.05, 0.05, [4]))),
  'uniform(-1,[1,2,3])x17': (g) => times(17, () => list(g.uniform(-1, [1, 2, 3]))),
  'choice(10)': (g) => times(50, () => g.choice(10)),
  'choice([10,20,30])': (g) => times(50, () => g.choice([10, 20, 30])),
  'choice(4,p=[0.1,0.2,0.3,0.4])': (g) => times(50, () => g.choice(4, { p: weights })),
  'choice(10,size=5)x10': (g) => times(10, () => list(g.choice(10, { size: 5 }))),
  'choice(10,size=5,replace=False)x10': (g) => times(10, () => list(g.choice(10, { size: 5, replace: false }))),
  'choice(10,size=5,replace=False,shuffle=False)x10': (g) =>
    times(10, () => list(g.choice(10, { size: 5, replace: false, shuffle: false }))),
  'choice(1000,size=5,replace=False)x10': (g) => times(10, () => list(g.choice(1000, { size: 5, replace: false }))),
  'choice(100000,size=5,replace=False)x10': (g) => times(10, () => list(g.choice(100000, { size: 5, replace: false }))),
  'choice(4,size=3,replace=False,p=[0.1,0.2,0.3,0.4])x10': (g) =>
    times(10, () => list(g.choice(4, { size: 3, replace: false, p: weights }))),
  'permutation(10)x50': (g) => times(50, () => list(g.permutation(10))),
  'permutation(list a..e)x10': (g) => times(10, () => g.permutation(['a', 'b', 'c', 'd', 'e'])),
  'shuffle(arange(10)) cumulative x50': (g) => shuffleOnAndOn(g, Float64Array.from(ten)),
  'shuffle(list(range(10))) cumulative x50': (g) => shuffleOnAndOn(g, [...ten]),
  'permuted(arange(10))x10': (g) => times(10, () => list(g.permuted(Float64Array.from(ten)))),
};

// Drawn below the Generator, or by distributions that it does not have.
const otherRows = ['random_raw', 'multinomial', 'binomial', 'poisson', 'gamma', 'beta', 'dirichlet'];

describe.each(Object.entries(fixture.seeds))('seed %s', (seedText, recorded) => {
  const seed = BigInt(seedText);

  test('the seed sequence and the initial state', () => {
    const sequence = new SeedSequence(seed);
    expect([...sequence.generateState(8)]).toEqual(recorded.seedseq_generate_state_uint32x8);
    expect(new PCG64(sequence).state.state).toEqual({ state: recorded.pcg64_state, inc: recorded.pcg64_inc });
    expect(String(npRandom(seed)[1])).toBe(recorded.seed_returned);
  });

  test('the raw stream', () => {
    const bits = new PCG64(new SeedSequence(seed));
    expect(times(50, () => String(bits.nextUint64()))).toEqual(recorded.draws.random_raw);
  });

  test('spawned children', () => {
    const [generator] = npRandom(seed);
    expect(generator.spawn(3).map((child) => child.random())).toEqual(recorded.seedseq_spawn3_first_random);
  });

  test.each(Object.keys(recorded.draws).filter((row) => !otherRows.some((other) => row.startsWith(other))))(
    '%s',
    (row) => {
      const draw = rows[row];
      expect(draw, `no call for the recorded row ${row}`).toBeDefined();
      expect(draw(npRandom(seed)[0])).toEqual(recorded.draws[row]);
    },
  );
});
