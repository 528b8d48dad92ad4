import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlatParameters, gradientAssignments, Linear, MLP, Parameter } from '../../src/nn/index.ts';
import { compile } from '../../src/runtime/index.ts';
import { type Tensor, tensor } from '../../src/tensor/index.ts';

describe('FlatParameters', () => {
  it('keeps values, aligns each parameter to 64 bytes, and overlaps none', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 70 }), { maxLength: 8 }), (sizes) => {
        const parameters = sizes.map((size, k) => new Parameter([size], (data) => data.fill(k + 1)));
        for (const [k, { gradient }] of parameters.entries()) gradient.data.fill(-k - 1);
        const flat = new FlatParameters(parameters);
        for (const [k, { storage, gradient, size }] of parameters.entries()) {
          expect(storage.data.buffer).toBe(flat.weights.buffer);
          expect(gradient.data.buffer).toBe(flat.gradients.buffer);
          expect(storage.data.byteOffset % 64).toBe(0);
          expect([...storage.data]).toEqual(Array.from({ length: size }, () => k + 1));
          expect([...gradient.data]).toEqual(Array.from({ length: size }, () => -k - 1));
          storage.data.fill(0);
        }
        // Nothing but the parameters: the rest is zeros.
        expect(flat.weights.every((w) => w === 0)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('is shareable, leaves frozen and repeated parameters out, and sees what was moved away', () => {
    const layer = new Linear(3, 2);
    layer.bias!.frozen = true;
    const flat = new FlatParameters([...layer.parameters(), ...layer.parameters()]);
    expect(flat.weights.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(flat.parameters).toEqual([layer.weight]);
    expect(flat.moved()).toBeUndefined();
    new FlatParameters([layer.weight]);
    expect(flat.moved()).toBe(layer.weight);
  });

  it('is followed by programs compiled before', () => {
    const net = new MLP([2, 3, 1]);
    const x = tensor([[1, -2]]);
    const step = compile((input: Tensor) => {
      const y = net.forward(input);
      return { y, gradients: gradientAssignments(y.sum(), net.parameters()) };
    });
    const before = step(x).y.item();
    const gradients = net.parameters().map(({ gradient }) => [...gradient.data]);
    const flat = new FlatParameters(net.parameters());
    flat.gradients.fill(0);
    expect(step(x).y.item()).toBe(before);
    expect(net.parameters().map(({ gradient }) => [...gradient.data])).toEqual(gradients);
    expect(flat.gradients.some((g) => g !== 0)).toBe(true);
    flat.weights.fill(0);
    expect(step(x).y.item()).toBe(0);
    step.dispose();
  });
});
