// Writes a graph of tensors as an ONNX model: nodes in order of use, constants as initializers, the rest as inputs.

import { create, toBinary } from '@bufbuild/protobuf';
import { allocate, type DType, type Op, sourceOf, type Tensor, type TensorData } from '../tensor/index.ts';
import { type AttributeValue, type Emitter, lower, ONNX_TYPE } from './lowering.ts';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx/onnx_pb.ts';
import { inOrder, simplify } from './simplify.ts';

// What ONNX Runtime 1.30 knows in full; newer operator sets change nothing that is used here.
const IR_VERSION = 10n;
const OPSET = 21n;

/** A model ready to load, and what its inputs and outputs stand for. */
export interface EmittedGraph {
  readonly model: Uint8Array;
  /** The leaves that are bound to memory, in the order of the inputs `in0`, `in1`, …. */
  readonly inputs: readonly Tensor[];
  /** Input names, `in0`, …. */
  readonly inputNames: readonly string[];
  readonly outputs: readonly Tensor[];
  /** The names of the outputs `out0`, … in the order given. */
  readonly outputNames: readonly string[];
  /** The number of ONNX nodes. */
  readonly nodeCount: number;
  /** About how many bytes all that is computed has, as if nothing were freed before the end. */
  readonly bytes: number;
  /** Whether the memory of input `input` may be overwritten by output `output` while the program runs. */
  mayAlias(input: number, output: number): boolean;
}

/** Constants of more elements than this stay outside the model, bound as inputs: nothing is copied. */
const LARGEST_INITIALIZER = 4096;

/** Of float32 and int32; bool is rare. */
const BYTES_PER_ELEMENT = 4;

/** Emits the graph that computes `outputs`. */
export function emitGraph(outputs: readonly Tensor[]): EmittedGraph {
  const graph = create(GraphProtoSchema, { name: 'gymformer' });
  const emitter = new GraphEmitter(graph);
  const names = new Map<Tensor, string>();
  const inputs: Tensor[] = [];
  const simple = simplify(outputs);
  let bytes = 0;
  for (const node of inOrder(simple)) {
    if (node.op !== 'leaf') bytes += BYTES_PER_ELEMENT * node.size;
    if (node.op === 'leaf') {
      names.set(node, leafName(node, inputs, emitter, names));
    } else if (node.size === 0 && !SEVERAL_OUTPUTS.has(node.op)) {
      // No kernel has to agree with our shape rules on what an empty axis does.
      names.set(node, emitter.constant(allocate(node.dtype, 0), node.shape, node.dtype));
    } else {
      names.set(
        node,
        lower(
          emitter,
          node,
          node.inputs.map((input) => names.get(input)!),
        ),
      );
    }
  }
  const outputNames = simple.map((node, i) => {
    // Identity: an output may be an input, or stand twice among the outputs.
    graph.node.push(emitter.rawNode('Identity', [names.get(node)!], [`out${i}`]));
    graph.output.push(valueInfo(`out${i}`, node));
    return `out${i}`;
  });
  bypassIdentities(graph, new Set(inputs.map((_, i) => `in${i}`)));
  let mayAlias: ReturnType<typeof aliasRule> | undefined;
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: 'gymformer',
    graph,
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: '', version: OPSET }),
      create(OperatorSetIdProtoSchema, { domain: 'com.microsoft', version: 1n }),
    ],
  });
  return {
    model: toBinary(ModelProtoSchema, model),
    inputs,
    inputNames: inputs.map((_, i) => `in${i}`),
    outputs,
    outputNames,
    nodeCount: graph.node.length,
    bytes,
    mayAlias(input, output) {
      mayAlias ??= aliasRule(graph);
      return mayAlias(`in${input}`, `out${output}`);
    },
  };
}

/** Operations whose further outputs may have elements when the first has none. */
const SEVERAL_OUTPUTS: ReadonlySet<Op> = new Set<Op>(['layerNorm', 'rmsNorm', 'crossEntropy']);

function leafName(leaf: Tensor, inputs: Tensor[], emitter: GraphEmitter, names: ReadonlyMap<Tensor, string>): string {
  const source = sourceOf(leaf);
  if (source.kind === 'constant' && source.data.length <= LARGEST_INITIALIZER) {
    return emitter.constant(source.data, leaf.shape, leaf.dtype);
  }
  // Leaves over the same memory are one input.
  const twin = inputs.find((other) => {
    const o = sourceOf(other);
    return source.kind === 'storage' && o.kind === 'storage' && o.storage === source.storage;
  });
  if (twin !== undefined && twin.shape.join() === leaf.shape.join()) return names.get(twin)!;
  const name = `in${inputs.length}`;
  inputs.push(leaf);
  emitter.graph.input.push(valueInfo(name, leaf));
  return name;
}

class GraphEmitter implements Emitter {
  readonly graph: GraphProto;
  readonly #constants = new Map<string, string>();
  readonly #further = new Map<string, readonly string[]>();
  #count = 0;

  constructor(graph: GraphProto) {
    this.graph = graph;
  }

  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    options: { readonly outputs?: number; readonly domain?: string } = {},
  ): string {
    const base = `v${this.#count++}`;
    const outputs = Array.from({ length: options.outputs ?? 1 }, (_, i) => (i === 0 ? base : `${base}.${i}`));
    if (outputs.length > 1) this.#further.set(base, outputs.slice(1));
    this.graph.node.push(this.rawNode(opType, inputs, outputs, attributes, options.domain));
    return base;
  }

  rawNode(
    opType: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = '',
  ) {
    return create(NodeProtoSchema, {
      opType,
      domain,
      input: [...inputs],
      output: [...outputs],
      attribute: Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
    });
  }

  int64(values: readonly number[]): string {
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.#initializer(`int64[${values.join()}]`, bytes, [values.length], ONNX_TYPE.int64);
  }

  ones(count: number): string {
    const key = `ones[${count}]`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.constant(new Float32Array(count).fill(1), [count], 'float32');
    this.#constants.set(key, name);
    return name;
  }

  scalar(value: number, dtype: DType): string {
    const data = dtype === 'float32' ? Float32Array.of(value) : Int32Array.of(value);
    return this.constant(data, [], dtype);
  }

  constant(data: TensorData, shape: readonly number[], dtype: DType): string {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    // By its bytes: 0 and -0 are different constants.
    const key = data.length <= 16 ? `${dtype}[${shape.join()}]:${bytes.join()}` : undefined;
    return this.#initializer(key, bytes, shape, ONNX_TYPE[dtype]);
  }

  outputs(main: string, others: readonly string[]): string {
    this.#further.set(main, others);
    return main;
  }

  output(main: string, index: number): string {
    return this.#further.get(main)![index - 1]!;
  }

  #initializer(key: string | undefined, rawData: Uint8Array, shape: readonly number[], dataType: number): string {
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `c${this.graph.initializer.length}`;
    this.graph.initializer.push(create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType, rawData }));
    if (key !== undefined) this.#constants.set(key, name);
    return name;
  }
}

function attributeProto(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
  }
  if (typeof value === 'string') {
    const s = new TextEncoder().encode(value);
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.STRING, s });
  }
  return 'float' in value
    ? create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value.float })
    : create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) });
}

function valueInfo(name: string, { shape, dtype }: Tensor): ValueInfoProto {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(size) } }),
  );
  const tensorType = create(TypeProto_TensorSchema, {
    elemType: ONNX_TYPE[dtype],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensorType } }),
  });
}

/** Lets the node that computes an output write it by its own name, unless an input or constant is the output. */
function bypassIdentities(graph: GraphProto, inputs: ReadonlySet<string>): void {
  const constants = new Set(graph.initializer.map((initializer) => initializer.name));
  const renamed = new Map<string, string>();
  graph.node = graph.node.filter((node) => {
    const [from, to] = [node.input[0]!, node.output[0]!];
    const isOutput = node.opType === 'Identity' && to.startsWith('out');
    if (!isOutput || inputs.has(from) || constants.has(from) || renamed.has(from)) return true;
    renamed.set(from, to);
    return false;
  });
  for (const node of graph.node) {
    node.input = node.input.map((name) => renamed.get(name) ?? name);
    node.output = node.output.map((name) => renamed.get(name) ?? name);
  }
}

/** Kernels that read element i of their inputs before they write element i of their output, and no other. */
const ELEMENTWISE = new Set(
  'Add Sub Mul Div Neg Abs Sign Exp Log Sqrt Reciprocal Tanh Sigmoid Relu Erf Gelu Clip Pow Min Max Identity'.split(
    ' ',
  ),
);

/** Kernels that add a few elements to a large array. */
const SCATTERING = new Set(['ScatterND', 'ScatterElements']);

/** Nodes whose result may be their input's own memory under another shape (a transpose of size-1 axes is a reshape). */
const VIEWS = new Set(['Reshape', 'Identity', 'Transpose']);

const readsOnce = (node: NodeProto, input: string): boolean =>
  node.input.indexOf(input) === node.input.lastIndexOf(input);

/**
 * ONNX Runtime orders nodes as it likes, as long as a node follows its inputs. So an output may overwrite an input only
 * if every other reader of the input, or of a view of it, is an ancestor of the writer, and the writer works element by
 * element. It also fuses nodes (a product and the sum after it), so what the writer takes in through elementwise nodes
 * alone must not be the result of another kind of node that reads the input.
 */
function aliasRule(graph: GraphProto): (input: string, output: string) => boolean {
  const producer = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const inputsOf = (node: NodeProto): NodeProto[] => node.input.flatMap((name) => producer.get(name) ?? []);
  const ancestorsOf = (writer: NodeProto): ReadonlySet<NodeProto> => {
    const ancestors = new Set([writer]);
    for (const node of ancestors) for (const above of inputsOf(node)) ancestors.add(above);
    return ancestors;
  };

  return (input, output) => {
    // Nodes stand after their inputs, so one pass finds the views of views too.
    const views = new Set([input]);
    for (const node of graph.node) if (VIEWS.has(node.opType) && views.has(node.input[0]!)) views.add(node.output[0]!);
    const reads = (node: NodeProto): boolean => node.input.some((name) => views.has(name));
    const readers = graph.node.filter(reads);
    if (readers.length === 0) return true;

    const writer = producer.get(output)!;
    if (writer.opType === 'GroupQueryAttention') {
      // This kernel writes new rows into the cache it reads, if both are the same memory.
      const place = writer.output.indexOf(output);
      return place > 0 && writer.input[place + 2] === input && readers.length === 1 && readsOnce(writer, input);
    }
    if (SCATTERING.has(writer.opType)) {
      // Works on a copy of its first input, or on that itself; no other node becomes part of it.
      const ancestors = ancestorsOf(writer);
      return writer.input.slice(1).every((name) => !views.has(name)) && readers.every((node) => ancestors.has(node));
    }
    const fusible = new Set([writer]);
    for (const node of fusible) {
      if (ELEMENTWISE.has(node.opType) || node.opType === 'Reshape')
        for (const above of inputsOf(node)) fusible.add(above);
      else if (node === writer || reads(node)) return false;
    }
    const ancestors = ancestorsOf(writer);
    return readers.every((node) => ancestors.has(node));
  };
}
