// Graphs whose nodes and edges carry values. Source: gymnasium.spaces.Graph, Gymnasium 1.4 (earlier ones draw nodes and
// edges from the graph's own stream, so their samples differ).

import { batchSpace, concatenate, createEmptyArray, iterate } from './batch.ts';
import { checkOptions, checkSpace, drawSeeds } from './sampling.ts';
import { type SampleOptions, type Seeds, Space } from './space.ts';
import { checkSeeds } from './tuple.ts';

/** A graph: batches of node values and edge values (see `concatenate`), and which nodes each edge links. */
export interface GraphInstance {
  readonly nodes: unknown;
  /** Null if there are no edges. */
  readonly edges: unknown;
  /** Two node numbers an edge: `[edges, 2]`, flat. Null if there are no edges. */
  readonly edgeLinks: Int32Array | null;
}

/** What narrows a sample of a {@link Graph}: what batches of nodes take, and what one edge takes; null for neither. */
export type GraphMask = readonly [nodes: unknown, edges: unknown];

/** How a {@link Graph} is sampled. */
export interface GraphSampleOptions extends SampleOptions<GraphMask, GraphMask> {
  /** Default 10. */
  readonly numNodes?: number;
  /** Default: drawn below `numNodes * (numNodes - 1)`. When given, an edge mask is for the whole batch of edges. */
  readonly numEdges?: number;
}

/** Graphs of any size. Samples have ten nodes unless told otherwise. */
export class Graph extends Space<GraphInstance, GraphMask, GraphMask> {
  readonly isNpFlattenable = false;
  /** The space of a node. */
  readonly nodeSpace: Space;
  /** The space of an edge; null for graphs without edges. */
  readonly edgeSpace: Space | null;
  /** The space of a batch of one node: what `iterate` takes nodes apart by. */
  readonly batchNodeSpace: Space;
  /** The space of a batch of one edge. */
  readonly batchEdgeSpace: Space | null;

  constructor({ nodeSpace, edgeSpace = null }: { readonly nodeSpace: Space; readonly edgeSpace?: Space | null }) {
    super(null, null);
    checkSpace('The node space of Graph', nodeSpace, nodeSpace instanceof Space);
    checkSpace('The edge space of Graph', edgeSpace, edgeSpace === null || edgeSpace instanceof Space);
    this.nodeSpace = nodeSpace;
    this.edgeSpace = edgeSpace;
    this.batchNodeSpace = batchSpace(nodeSpace, 1);
    this.batchEdgeSpace = edgeSpace === null ? null : batchSpace(edgeSpace, 1);
  }

  /** Seeds this space and the spaces of nodes and edges: from a stream of the one seed, or from an array. Returns all. */
  override seed(seed?: Seeds): Seeds {
    const parts = this.edgeSpace === null ? [this.nodeSpace] : [this.nodeSpace, this.edgeSpace];
    if (seed === undefined) return [super.seed(), ...parts.map((part) => part.seed())];
    if (typeof seed !== 'object') {
      const own = super.seed(seed);
      const seeds = drawSeeds(this.npRandom, parts.length);
      super.seed(seed);
      return [own, ...parts.map((part, i) => part.seed(seeds[i]))];
    }
    const [own, ...seeds] = checkSeeds(this, seed, parts.length + 1);
    return [super.seed(own), ...parts.map((part, i) => part.seed(seeds[i]))];
  }

  sample(options: GraphSampleOptions = {}): GraphInstance {
    checkOptions(this, options);
    const { numNodes = 10, mask, probability } = options;
    if (!(Number.isSafeInteger(numNodes) && numNodes > 0)) {
      throw new RangeError(`${this} needs at least one node, but got ${numNodes}`);
    }
    if (options.numEdges !== undefined && !(Number.isSafeInteger(options.numEdges) && options.numEdges >= 0)) {
      throw new RangeError(`${this} needs a non-negative number of edges, but got ${options.numEdges}`);
    }
    const numEdges = options.numEdges ?? (numNodes > 1 ? this.npRandom.integers(numNodes * (numNodes - 1)) : 0);
    const [nodeNarrowing, edgeNarrowing] = mask ?? probability ?? [null, null];
    const narrow = (narrowing: unknown): SampleOptions | undefined =>
      narrowing === null || narrowing === undefined
        ? undefined
        : mask
          ? { mask: narrowing }
          : { probability: narrowing };
    const nodes = sampleBatch(this.nodeSpace, numNodes, narrow(nodeNarrowing));
    if (this.edgeSpace === null || numEdges === 0) return { nodes, edges: null, edgeLinks: null };
    const perEdge = options.numEdges === undefined && narrow(edgeNarrowing) !== undefined;
    const edgeOptions = narrow(perEdge ? Array.from({ length: numEdges }, () => edgeNarrowing) : edgeNarrowing);
    const edges = sampleBatch(this.edgeSpace, numEdges, edgeOptions);
    const edgeLinks = this.npRandom.integers(0, numNodes, { size: [numEdges, 2], dtype: 'int32' });
    return { nodes, edges, edgeLinks };
  }

  contains(value: unknown): value is GraphInstance {
    if (typeof value !== 'object' || value === null) return false;
    const { nodes, edges, edgeLinks } = value as Partial<GraphInstance>;
    const nodeCount = countMembers(this.nodeSpace, this.batchNodeSpace, nodes);
    if (nodeCount === null) return false;
    if (edges === null && edgeLinks === null) return true;
    if (this.edgeSpace === null || this.batchEdgeSpace === null || !(edgeLinks instanceof Int32Array)) return false;
    const edgeCount = countMembers(this.edgeSpace, this.batchEdgeSpace, edges);
    return (
      edgeCount !== null &&
      edgeLinks.length === 2 * edgeCount &&
      edgeLinks.every((node) => node >= 0 && node < nodeCount)
    );
  }

  toJsonable(values: readonly GraphInstance[]): unknown[] {
    return values.map(({ nodes, edges, edgeLinks }) => {
      const data: Record<string, unknown> = { nodes: this.nodeSpace.toJsonable(iterate(this.batchNodeSpace, nodes)) };
      if (this.edgeSpace !== null && this.batchEdgeSpace !== null && edgeLinks !== null) {
        data.edges = this.edgeSpace.toJsonable(iterate(this.batchEdgeSpace, edges));
        data.edge_links = Array.from({ length: edgeLinks.length / 2 }, (_, i) => [
          ...edgeLinks.subarray(2 * i, 2 * i + 2),
        ]);
      }
      return data;
    });
  }

  fromJsonable(data: unknown): GraphInstance[] {
    return (data as { nodes: unknown; edges?: unknown; edge_links?: number[][] }[]).map((graph) => {
      const nodes = concatenate(this.nodeSpace, this.nodeSpace.fromJsonable(graph.nodes));
      if (this.edgeSpace === null || graph.edge_links === undefined) return { nodes, edges: null, edgeLinks: null };
      const edges = concatenate(this.edgeSpace, this.edgeSpace.fromJsonable(graph.edges));
      return { nodes, edges, edgeLinks: Int32Array.from(graph.edge_links.flat()) };
    });
  }

  toString(): string {
    return `Graph(${this.nodeSpace}, ${this.edgeSpace ?? 'None'})`;
  }

  equals(other: unknown): boolean {
    if (!(other instanceof Graph) || !this.nodeSpace.equals(other.nodeSpace)) return false;
    return this.edgeSpace === null ? other.edgeSpace === null : this.edgeSpace.equals(other.edgeSpace);
  }

  override clone(): Graph {
    return new Graph({ nodeSpace: this.nodeSpace.clone(), edgeSpace: this.edgeSpace?.clone() ?? null });
  }

  override emptyValue(): GraphInstance {
    const nodes = createEmptyArray(this.nodeSpace, 1);
    if (this.edgeSpace === null) return { nodes, edges: null, edgeLinks: null };
    return { nodes, edges: createEmptyArray(this.edgeSpace, 1), edgeLinks: new Int32Array(2) };
  }
}

/** `count` values as a batch. The batch draws from a copy of the space's stream, which itself moves on by one number. */
function sampleBatch(space: Space, count: number, options: SampleOptions | undefined): unknown {
  const batch = batchSpace(space, count).sample(options);
  space.npRandom.random();
  return batch;
}

/** How many values a batch holds; null if it holds anything that the space does not. */
function countMembers(space: Space, batchedSpace: Space, batch: unknown): number | null {
  try {
    const values = iterate(batchedSpace, batch);
    return values.every((value) => space.contains(value)) ? values.length : null;
  } catch {
    // Taking apart what has not the form of a batch throws in as many ways as there are wrong forms.
    return null;
  }
}
