// Leaves out what kernels do anyway, before a graph is written. It happens here and not while tracing, since every tensor
// that a person holds must stay a node between the loss and its leaves for gradients to reach it.

import { attributesOf, broadcastShapes, type Op, sameShape, Tensor } from '../tensor/index.ts';

/** All nodes that `outputs` need, each after its inputs. */
export function inOrder(outputs: readonly Tensor[]): Tensor[] {
  const order: Tensor[] = [];
  const seen = new Set<Tensor>();
  const done = new Set<Tensor>();
  // An explicit stack: deep networks would overflow the call stack.
  const stack = [...outputs].reverse();
  while (stack.length > 0) {
    const node = stack.at(-1)!;
    if (!seen.has(node)) {
      seen.add(node);
      for (let i = node.inputs.length - 1; i >= 0; i--) if (!seen.has(node.inputs[i]!)) stack.push(node.inputs[i]!);
    } else {
      stack.pop();
      if (!done.has(node)) {
        done.add(node);
        order.push(node);
      }
    }
  }
  return order;
}

/**
 * The same values with fewer nodes: no stretching before an operation that broadcasts, no transpose before a product
 * that takes a flag for it, no reshape of a reshape, no array of zeros to write into what is added to another one.
 */
export function simplify(outputs: readonly Tensor[]): Tensor[] {
  const order = inOrder(outputs);
  const uses = new Map<Tensor, number>();
  for (const used of [...outputs, ...order.flatMap(({ inputs }) => inputs)]) uses.set(used, (uses.get(used) ?? 0) + 1);
  const simple = new Map<Tensor, Tensor>();
  for (const node of order) {
    const scattered = node.op === 'add' ? scatteredOnto(node, uses) : undefined;
    if (scattered !== undefined) {
      const { writes, onto } = scattered;
      simple.set(
        node,
        withInputs(
          writes,
          [...writes.inputs, onto].map((input) => simple.get(input)!),
        ),
      );
      continue;
    }
    simple.set(
      node,
      rewrite(
        node,
        node.inputs.map((input) => simple.get(input)!),
      ),
    );
  }
  return outputs.map((node) => simple.get(node)!);
}

const BROADCASTING: ReadonlySet<Op> = new Set<Op>(
  'add sub mul div pow minimum maximum equal less lessEqual and or where'.split(' ') as Op[],
);

function rewrite(node: Tensor, inputs: readonly Tensor[]): Tensor {
  if (BROADCASTING.has(node.op)) return withInputs(node, withoutExpand(node, inputs));
  if (node.op === 'matmul') {
    const [a, transposedA] = withoutTranspose(inputs[0]!);
    const [b, transposedB] = withoutTranspose(inputs[1]!);
    const { transposeA, transposeB, alpha } = attributesOf(node, 'matmul');
    if (!transposedA && !transposedB) return withInputs(node, inputs);
    const attributes = { transposeA: transposeA !== transposedA, transposeB: transposeB !== transposedB, alpha };
    return new Tensor('matmul', [a, b], attributes, node.shape, node.dtype);
  }
  if (node.op === 'reshape' && inputs[0]!.op === 'reshape') {
    const source = inputs[0]!.inputs[0]!;
    return sameShape(source.shape, node.shape) ? source : withInputs(node, [source]);
  }
  return withInputs(node, inputs);
}

/**
 * Rows or elements that are written into zeros, and then added to `onto`, can be added where they belong: as the third input of `putRows`
 * and `scatter`, which only programs know. A vocabulary's gradient is large, and what is written into it small.
 */
function scatteredOnto(
  { inputs, shape }: Tensor,
  uses: ReadonlyMap<Tensor, number>,
): { readonly writes: Tensor; readonly onto: Tensor } | undefined {
  for (const [writes, onto] of [inputs, inputs.toReversed()] as [Tensor, Tensor][]) {
    const scatters = writes.op === 'putRows' || writes.op === 'scatter';
    if (scatters && uses.get(writes) === 1 && sameShape(onto.shape, shape) && sameShape(writes.shape, shape)) {
      return { writes, onto };
    }
  }
  return undefined;
}

function withInputs(node: Tensor, inputs: readonly Tensor[]): Tensor {
  if (inputs.every((input, i) => input === node.inputs[i])) return node;
  return new Tensor(node.op, inputs, node.attributes, node.shape, node.dtype);
}

function withoutExpand(node: Tensor, inputs: readonly Tensor[]): readonly Tensor[] {
  if (!inputs.some((input) => input.op === 'expand')) return inputs;
  const kept = [...inputs];
  inputs.forEach((input, i) => {
    if (input.op !== 'expand') return;
    kept[i] = input.inputs[0]!;
    const shape = kept.map((x) => x.shape).reduce((a, b) => broadcastShapes(a, b));
    if (!sameShape(shape, node.shape)) kept[i] = input;
  });
  return kept;
}

function withoutTranspose(x: Tensor): [Tensor, boolean] {
  if (x.op !== 'transpose') return [x, false];
  const { perm } = attributesOf(x, 'transpose');
  const swapsLastTwo = perm.every((axis, i) => axis === (i < x.rank - 2 ? i : 2 * x.rank - 3 - i));
  return swapsLastTwo ? [x.inputs[0]!, true] : [x, false];
}
