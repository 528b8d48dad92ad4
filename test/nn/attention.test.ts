// Attention by itself; whole models are held to transformers in test/lm/models, the cache's kernel to the interpreter in test/tensor.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CausalAttention, cachedHeadSize, GatedMLP, type Heads, Rotary } from '../../src/nn/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import { concat, type Tensor, tensor } from '../../src/tensor/index.ts';

const rows = (count: number, width: number, seed: number): Float32Array =>
  defaultRng(seed).fillNormal(new Float32Array(count * width));

describe('CausalAttention', () => {
  const layouts = fc.record({
    batch: fc.integer({ min: 1, max: 3 }),
    time: fc.integer({ min: 1, max: 6 }),
    keyValueHeads: fc.constantFrom(1, 2),
    group: fc.constantFrom(1, 3),
    size: fc.constantFrom(2, 6),
    rotated: fc.boolean(),
    seed: fc.nat(1000),
  });

  /** The definition, token by token: a softmax over the tokens up to this one. */
  function definition(q: Float32Array, k: Float32Array, v: Float32Array, batch: number, time: number, heads: Heads) {
    const { keyValueHeads, size } = heads;
    const out = new Float32Array(q.length);
    const turned = (x: Float32Array, t: number, at: number, i: number): number => {
      if (heads.rotary === undefined) return x[at + i]!;
      const half = size / 2;
      const angle = t * heads.rotary.frequencies[i % half]!;
      return i < half
        ? x[at + i]! * Math.cos(angle) - x[at + i + half]! * Math.sin(angle)
        : x[at + i]! * Math.cos(angle) + x[at + i - half]! * Math.sin(angle);
    };
    for (let b = 0; b < batch; b++) {
      for (let head = 0; head < heads.heads; head++) {
        const shared = Math.floor((head * keyValueHeads) / heads.heads);
        const at = (t: number, which: number, count: number): number => ((b * time + t) * count + which) * size;
        for (let t = 0; t < time; t++) {
          const weights = Array.from({ length: t + 1 }, (_, s) => {
            let score = 0;
            for (let i = 0; i < size; i++) {
              score += turned(q, t, at(t, head, heads.heads), i) * turned(k, s, at(s, shared, keyValueHeads), i);
            }
            return Math.exp(score / Math.sqrt(size));
          });
          const total = weights.reduce((sum, w) => sum + w, 0);
          for (let i = 0; i < size; i++) {
            out[at(t, head, heads.heads) + i] = weights.reduce(
              (sum, w, s) => sum + (w / total) * v[at(s, shared, keyValueHeads) + i]!,
              0,
            );
          }
        }
      }
    }
    return out;
  }

  it('is what its definition says, with the projections apart or side by side', () => {
    fc.assert(
      fc.property(layouts, ({ batch, time, keyValueHeads, group, size, rotated, seed }) => {
        const heads: Heads = {
          heads: group * keyValueHeads,
          keyValueHeads,
          size,
          rotary: rotated ? new Rotary(size, { theta: 50 }) : undefined,
        };
        const count = batch * time;
        const [wide, narrow] = [heads.heads * size, keyValueHeads * size];
        const [q, k, v] = [rows(count, wide, seed), rows(count, narrow, seed + 1), rows(count, narrow, seed + 2)];
        const [query, key, value] = [
          tensor(q, { shape: [count, wide] }),
          tensor(k, { shape: [count, narrow] }),
          tensor(v, { shape: [count, narrow] }),
        ] as [Tensor, Tensor, Tensor];
        const expected = definition(q, k, v, batch, time, heads);
        const attention = new CausalAttention(batch, time);
        const apart = attention.attend(query, key, value, heads).dataSync();
        const packed = attention.attendPacked(concat([query, key, value], 1), heads).dataSync();
        for (const [i, x] of expected.entries()) expect(apart[i]).toBeCloseTo(x, 5);
        expect(packed).toEqual(apart);
      }),
      { seed: 20261122, numRuns: 25 },
    );
  });

  it('keeps texts of one sequence apart, but for what they all begin with, and reads what is asked for', () => {
    const heads: Heads = { heads: 4, keyValueHeads: 2, size: 6, rotary: new Rotary(6, { theta: 50 }) };
    // What is shared, and the rests of two texts, one after another.
    const [shared, rests] = [3, [2, 4]] as const;
    const time = 9;
    const [q, k, v] = [rows(time, 24, 1), rows(time, 12, 2), rows(time, 12, 3)];
    const tensorOf = (x: Float32Array, width: number): Tensor => tensor(x, { shape: [x.length / width, width] });
    const attention = new CausalAttention(1, time, {
      texts: tensor(Int32Array.of(0, 0, 0, 1, 1, 2, 2, 2, 2), { shape: [1, time] }),
      positions: tensor(Int32Array.of(0, 1, 2, 3, 4, 3, 4, 5, 6), { shape: [1, time] }),
      read: tensor(Int32Array.of(8, 4), { shape: [1, 2] }),
    });
    const together = attention.attend(tensorOf(q, 24), tensorOf(k, 12), tensorOf(v, 12), heads).dataSync();
    const starts = [3, 5];
    for (const [text, rest] of rests.entries()) {
      const own = (x: Float32Array, width: number): Float32Array =>
        Float32Array.of(
          ...x.subarray(0, shared * width),
          ...x.subarray(starts[text]! * width, (starts[text]! + rest) * width),
        );
      const alone = definition(own(q, 24), own(k, 12), own(v, 12), 1, shared + rest, heads);
      const of = (place: number): Float32Array => alone.subarray(place * 24, (place + 1) * 24);
      for (let i = 0; i < rest; i++) {
        const found = together.slice((starts[text]! + i) * 24, (starts[text]! + i + 1) * 24);
        for (const [j, x] of of(shared + i).entries()) expect(found[j]).toBeCloseTo(x, 5);
      }
    }
    const { last } = attention;
    expect(last!.rows!.dataSync()).toEqual(Int32Array.of(8, 4));
    const asked = last!.attend(tensorOf(q, 24).take(last!.rows!), tensorOf(k, 12), tensorOf(v, 12), heads).dataSync();
    for (const [i, place] of [8, 4].entries()) {
      for (let j = 0; j < 24; j++) expect(asked[i * 24 + j]).toBeCloseTo(together[place * 24 + j]!, 5);
    }
    const projections = concat([tensorOf(q, 24), tensorOf(k, 12), tensorOf(v, 12)], 1);
    expect(last!.attendPacked(projections, heads).dataSync()).toEqual(asked);
  });
});

describe('Rotary', () => {
  it('leaves the product of two vectors dependent on their distance alone', () => {
    const rotary = new Rotary(8);
    const [a, b] = [rows(1, 8, 1), rows(1, 8, 2)];
    const turned = (x: Float32Array): Float32Array =>
      rotary.apply(tensor(x, { shape: [1, 8] }).expand([20, 8])).dataSync() as Float32Array;
    const [p, q] = [turned(a), turned(b)];
    const product = (s: number, t: number): number =>
      Array.from({ length: 8 }, (_, i) => p[8 * s + i]! * q[8 * t + i]!).reduce((sum, x) => sum + x, 0);
    for (const shift of [1, 5, 12]) expect(product(3 + shift, 7 + shift)).toBeCloseTo(product(3, 7), 4);
    expect(product(3, 8)).not.toBeCloseTo(product(3, 7), 2);
  });

  it('needs heads of two equal halves', () => {
    expect(() => new Rotary(5)).toThrow('a head of 5 elements has no two equal halves');
  });
});

it('cachedHeadSize fills heads up to what the kernel takes', () => {
  expect([1, 15, 16, 17, 64, 80].map(cachedHeadSize)).toEqual([16, 16, 16, 32, 64, 80]);
});

it('GatedMLP multiplies two projections, one of them through silu', () => {
  const mlp = new GatedMLP(3, 5, { bias: true, generator: defaultRng(0) });
  const x = tensor(rows(2, 3, 4), { shape: [2, 3] });
  const gate = mlp.gate_proj.forward(x).dataSync();
  const up = mlp.up_proj.forward(x).dataSync();
  const inner = Float32Array.from(gate, (g, i) => (g / (1 + Math.exp(-g))) * up[i]!);
  const expected = mlp.down_proj.forward(tensor(inner, { shape: [2, 5] })).dataSync();
  const found = mlp.forward(x).dataSync();
  for (const [i, y] of expected.entries()) expect(found[i]).toBeCloseTo(y, 5);
});
