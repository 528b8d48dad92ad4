import { describe, expect, it } from 'vitest';
import { gradientAssignments, Linear, MLP, Module, Parameter, Sequential } from '../../src/nn/index.ts';
import { compile } from '../../src/runtime/index.ts';
import { ShapeError, type Tensor, tensor } from '../../src/tensor/index.ts';

class Block extends Module {
  readonly attention = new Linear(2, 2, { bias: false });
  readonly scale = new Parameter([2], (data) => data.fill(1));
}

class Model extends Module {
  readonly blocks = [new Block(), new Block()];
  readonly grid = [[new Parameter([1])]];
  readonly head: Linear;
  readonly count = 3;
  readonly missing: Linear | undefined = undefined;
  readonly parent: Module;

  constructor() {
    super();
    this.head = this.blocks[0]!.attention;
    this.parent = this;
  }
}

describe('Module', () => {
  it('names parameters by their path, in the order of fields, shared ones once', () => {
    const model = new Model();
    expect([...model.namedParameters().keys()]).toEqual([
      'blocks.0.attention.weight',
      'blocks.0.scale',
      'blocks.1.attention.weight',
      'blocks.1.scale',
      'grid.0.0',
    ]);
    expect(model.parameters()).toHaveLength(5);
    expect(model.modules()).toHaveLength(5);
    expect(model.grid[0]![0]!.name).toBe('grid.0.0');
    model.blocks[0]!.namedParameters();
    expect(`${model.blocks[0]!.scale}`).toBe('Parameter(blocks.0.scale, [2])');
  });

  it('copies its state, and loads it again', () => {
    const [a, b] = [new MLP([3, 4, 2]), new MLP([3, 4, 2])];
    const state = a.stateDict();
    const before = Float32Array.from(a.layers[0]!.weight.storage.data);
    a.layers[0]!.weight.storage.data.fill(9);
    expect(state.get('layers.0.weight')).toEqual({ shape: [4, 3], data: before });
    b.loadStateDict(state);
    expect(b.stateDict()).toEqual(state);
  });

  it('lists everything that does not fit, and loads nothing then', () => {
    const net = new MLP([3, 4, 2]);
    const before = net.stateDict();
    const state = new Map(new MLP([3, 4, 2]).stateDict());
    state.delete('layers.0.bias');
    state.set('layers.1.weight', { shape: [4, 2], data: new Float32Array(8) });
    state.set('layers.1.bias', { shape: [2], data: new Float32Array(3) });
    state.set('layers.2.weight', { shape: [1, 2], data: new Float32Array(2) });
    expect(() => net.loadStateDict(state)).toThrow(
      'this state does not fit MLP, which was left as it is:\n' +
        '  missing: layers.0.bias [4]\n' +
        '  misshapen: layers.1.weight has shape [4, 2], not [2, 4]\n' +
        '  misshapen: layers.1.bias has 3 elements for shape [2]\n' +
        '  extra: layers.2.weight [1, 2]',
    );
    expect(net.stateDict()).toEqual(before);
  });

  it('loads what is there if not strict, but never a wrong shape', () => {
    const net = new MLP([3, 4, 2]);
    const bias = { shape: [4], data: Float32Array.of(1, 2, 3, 4) };
    net.loadStateDict(
      new Map([
        ['layers.0.bias', bias],
        ['other', bias],
      ]),
      { strict: false },
    );
    expect([...net.layers[0]!.bias!.storage.data]).toEqual([1, 2, 3, 4]);
    expect(() => net.loadStateDict(new Map([['layers.1.bias', bias]]), { strict: false })).toThrow('misshapen');
  });

  it('freezes: frozen parameters get no gradient', () => {
    const net = new Sequential(new Linear(2, 2), new Linear(2, 1));
    (net.layers[0] as Linear).freeze();
    const frozen = net.parameters().map((parameter) => parameter.frozen);
    expect(frozen).toEqual([true, true, false, false]);
    const step = compile((x: Tensor) => gradientAssignments(net.forward(x).sum(), net.parameters()));
    step(tensor([[1, 2]]));
    const gradients = net.parameters().map(({ gradient }) => gradient.data.some((g) => g !== 0));
    expect(gradients).toEqual([false, false, true, true]);
    expect(
      net
        .unfreeze()
        .parameters()
        .some((parameter) => parameter.frozen),
    ).toBe(false);
    step.dispose();
  });
});

describe('Parameter', () => {
  it('is filled, and set only by as many elements as it has', () => {
    const p = new Parameter([2, 2], (data, shape) => data.fill(shape.length));
    expect([...p.dataSync()]).toEqual([2, 2, 2, 2]);
    p.set([1, 2, 3, 4]);
    expect([...p.mul(2).dataSync()]).toEqual([2, 4, 6, 8]);
    expect(() => p.set([1])).toThrow('Parameter(unnamed, [2, 2]): 1 elements were given to set, but there are 4');
    expect(() => new Parameter([2, -1])).toThrow(ShapeError);
  });
});

describe('gradientAssignments', () => {
  it('overwrites, or accumulates, and counts repeated parameters once', () => {
    const w = new Parameter([3], (data) => data.set([1, 2, 3]));
    const unused = new Parameter([2]);
    const run = (accumulate: boolean): void => {
      const step = compile(() => gradientAssignments(w.square().sum(), [w, w, unused], { accumulate }));
      step();
      step.dispose();
    };
    unused.gradient.data.fill(5);
    run(false);
    expect([...w.gradient.data]).toEqual([2, 4, 6]);
    expect([...unused.gradient.data]).toEqual([0, 0]);
    run(true);
    run(true);
    expect([...w.gradient.data]).toEqual([6, 12, 18]);
    run(false);
    expect([...w.gradient.data]).toEqual([2, 4, 6]);
  });
});
