// How much memory a run takes, estimated before it begins, by formulas that can be read. docs/reliability.md holds them against
// measurements.

import type { ModelConfig } from '../lm/index.ts';
import { lanesFor, rowsOfBatch } from '../lm/lanes.ts';
import { storedParameters } from '../lm/stored-size.ts';
import { cachedHeadSize, type Parameter } from '../nn/index.ts';
import { defaultThreads } from '../runtime/index.ts';
import { availableMemory } from './available-memory.ts';

/** What a run takes, in bytes. */
export interface MemoryBudget {
  /** Of all models that learn, trained or frozen. */
  readonly weights: number;
  readonly gradients: number;
  /** Adam's two for every trained weight. */
  readonly moments: number;
  /** Weights and moments as they were, to come back to: see the trainers. */
  readonly copies: number;
  /** What the largest program keeps between its operations, most of it between its forward and its backward pass. */
  readonly activations: number;
  /** Keys and values of the texts under way. */
  readonly cache: number;
  /** Reference and reward models. */
  readonly others: number;
  /** What the process has taken besides: the engine, the tokenizer, the dataset; and what compiled programs will take. */
  readonly runtime: number;
  readonly total: number;
  /** What is free, when the run begins; the models are in memory by then. */
  readonly available: number;
}

/** What a run trains, which decides what would make it smaller. */
export type BudgetKind = keyof typeof ADVICE;

/** A run needs more memory than there is. Nothing has been written. */
export class MemoryBudgetError extends Error {
  readonly budget: MemoryBudget;

  constructor(budget: MemoryBudget, kind: BudgetKind) {
    super(
      `this run needs ${memoryText(budget)}: too little. ${adviceFor(budget, kind)} If the estimate is wrong, pass memoryCheck: false`,
    );
    this.name = 'MemoryBudgetError';
    this.budget = budget;
  }
}

const FLOAT = 4;

/** What compiled programs take, as measured: it hardly depends on the size of language models. */
const COMPILED = 60e6;
/** Of programs of classic agents. */
export const COMPILED_SMALL = 10e6;

/**
 * Activations of the largest run that has begun in this process: programs leave what they take between their operations to those that
 * come after them.
 */
let reusable = 0;

/** What is trained in a run, and beside what. */
export interface BudgetParts {
  /** Of policy, critic, classifier: each once, even if several models share it. */
  readonly parameters: Iterable<Parameter>;
  /** In bytes. Default 0. */
  readonly activations?: number | undefined;
  readonly cache?: number | undefined;
  readonly copies?: number | undefined;
  /** Models beside it; weights that they share with the others count once. */
  readonly others?: Iterable<Parameter> | undefined;
  /** Bytes of models that are not in memory yet. */
  readonly toLoad?: number | undefined;
  /** Of programs. Default: those of language models. */
  readonly compiled?: number | undefined;
}

/** Adds up what a run takes. */
export function memoryBudget(parts: BudgetParts, available = availableMemory()): MemoryBudget {
  const { parameters, activations = 0, cache = 0, copies = 0, others = [], toLoad = 0, compiled = COMPILED } = parts;
  const own = new Set(parameters);
  const gradients = trainedBytes(own);
  const beside = bytesOf([...new Set(others)].filter((parameter) => !own.has(parameter))) + toLoad;
  const weights = bytesOf(own);
  const taken = process.memoryUsage.rss() - weights - (beside - toLoad) - Math.min(reusable, activations);
  const runtime = Math.max(0, taken) + compiled;
  const counted = { weights, gradients, moments: 2 * gradients, copies, activations, cache, others: beside, runtime };
  return { ...counted, total: Object.values(counted).reduce((sum, part) => sum + part, 0), available };
}

/** Bytes of those that are trained. */
export function trainedBytes(parameters: Iterable<Parameter>): number {
  return bytesOf([...parameters].filter(({ frozen }) => !frozen));
}

function bytesOf(parameters: Iterable<Parameter>): number {
  let bytes = 0;
  for (const { size } of parameters) bytes += FLOAT * size;
  return bytes;
}

/** Bytes that models in folders will take; those that are not there yet, such as of the Hub, count nothing. */
export function storedBytes(folders: Iterable<string>): number {
  return [...new Set(folders)].reduce((sum, folder) => sum + FLOAT * storedParameters(folder), 0);
}

/** What a run takes besides what it has already. */
export function neededBytes({ gradients, moments, copies, activations, cache }: MemoryBudget, toLoad = 0): number {
  return gradients + moments + copies + activations - Math.min(reusable, activations) + cache + toLoad;
}

/** @throws MemoryBudgetError for a run that needs more than is free, besides what its models have taken already */
export function checkBudget(budget: MemoryBudget, kind: BudgetKind, toLoad = 0): void {
  if (neededBytes(budget, toLoad) > budget.available) throw new MemoryBudgetError(budget, kind);
}

/** @throws MemoryBudgetError for a folder whose weights alone are more than is free, before they are read */
export function checkStored(folder: string, kind: BudgetKind, available = availableMemory()): void {
  const bytes = storedBytes([folder]);
  const budget = memoryBudget({ parameters: [], toLoad: bytes }, available);
  if (bytes > available) throw new MemoryBudgetError({ ...budget, weights: bytes, others: 0 }, kind);
}

/** Notes that a run begins, which takes what was estimated. */
export function beginBudget({ activations }: MemoryBudget): void {
  reusable = Math.max(reusable, activations);
}

/** A pass over rows of tokens. */
export interface PassShape {
  readonly rows: number;
  /** Tokens of a row. */
  readonly time: number;
  /** How many times the scores of every token over the vocabulary are kept: {@link SCORES}; 0 where nobody computes them. */
  readonly scores: number;
  /** Whether it goes forward only, so that no layer keeps anything. Default false. */
  readonly reads?: boolean | undefined;
}

/**
 * How many times a pass keeps scores over the vocabulary, as measured: scores, probabilities and gradients of a cross entropy; the entropy
 * that DPO tells beside it; logarithms, entropies and their gradients, of a policy; scores and their logarithms, of a reference.
 */
export const SCORES = { crossEntropy: 3, dpo: 4, policy: 6, reference: 2 } as const;

/**
 * What such a pass keeps, in bytes. In floats a token and layer: four vectors of the layer's width (what goes into the norms, and what
 * comes out), those of the feed-forward part before and after its activation, queries, keys, values and what attention gives, and its
 * weights. Gradients take what two layers more would; a pass that reads keeps as much in all.
 */
export function activationBytes(config: ModelConfig, { rows, time, scores, reads = false }: PassShape): number {
  const { modelType, hiddenSize, intermediateSize, numLayers, numHeads, numKeyValueHeads, headDim, vocabSize } = config;
  const heads = headDim * (numHeads + 2 * numKeyValueHeads);
  const inner = modelType === 'gpt2' ? 2 : 4;
  const layer = 4 * hiddenSize + inner * intermediateSize + heads + headDim * numHeads + numHeads * time;
  return FLOAT * rows * time * ((reads ? 2 : numLayers + 2) * layer + scores * vocabSize);
}

/** The most rows that a model reads at a time where it only reads. */
const READ_ROWS = 16;

/** A pass that reads texts in so many rows at a time, by default 16, in each of two halves of the threads: see lanes.ts. */
export function readingPass(count: number, time: number, { most = READ_ROWS, scores = 0 } = {}): PassShape {
  const lanes = lanesFor(count, defaultThreads());
  return { rows: lanes.count * rowsOfBatch(count, lanes, most), time, scores, reads: true };
}

/**
 * What networks of a classic agent keep of so many rows: what each layer gives, as many numbers as it has biases, and twice the widest for
 * gradients on their way.
 */
export function networkBytes(parameters: Iterable<Parameter>, rows: number): number {
  const widths = [...parameters].filter(({ shape }) => shape.length === 1).map(({ size }) => size);
  return FLOAT * rows * (widths.reduce((sum, width) => sum + width, 0) + 2 * Math.max(0, ...widths));
}

/** The keys and values of texts, in bytes. */
export function cacheBytes(config: ModelConfig, slots: number, length: number): number {
  const { numLayers, numKeyValueHeads, headDim } = config;
  return FLOAT * 2 * numLayers * slots * numKeyValueHeads * (length + 1) * cachedHeadSize(headDim);
}

/** Such as `about 1.2 GB: weights 480 MB, gradients 480 MB, moments 240 MB; 18.3 GB free`. Parts of less than a MB are left out. */
export function memoryText({ total, available, ...parts }: MemoryBudget): string {
  const names = { ...parts, 'KV cache': parts.cache, 'other models': parts.others };
  const told = Object.entries(names).filter(([name, bytes]) => name !== 'cache' && name !== 'others' && bytes >= 1e6);
  const list = told.map(([name, bytes]) => `${name} ${sizeText(bytes)}`).join(', ');
  return `about ${sizeText(total)}${list === '' ? '' : `: ${list}`}; ${sizeText(available)} free`;
}

function sizeText(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : 'less than 1 MB';
}

/** What to make smaller, by the largest part. */
const ADVICE = {
  sft: examples('Train adapters alone (lora), or a smaller model.'),
  dpo: examples('Train adapters alone (lora), or a smaller model.'),
  reward: examples("Train the head alone (train: 'head') or adapters (train: 'lora'), or a smaller model."),
  text: {
    activations: 'Take smaller minibatches (minibatchSize), or shorter texts (maxGeneration).',
    cache: 'Take fewer environments (numEnvs), or shorter texts (maxGeneration).',
    others: 'Share weights: adapters (applyLora) need no copy as their reference. Or take a smaller reward model.',
    trained: "Train adapters alone (applyLora), or a smaller model; a critic of the actor's model shares its trunk.",
  },
  agent: {
    activations: 'Take shorter rollouts (rolloutSteps, numEnvs), or smaller minibatches (minibatchSize).',
    cache: '',
    others: '',
    trained: 'Take smaller networks (hiddenDim).',
  },
} as const;

function examples(trained: string) {
  return {
    activations: 'Take smaller batches (batchSize, with gradientAccumulation), or shorter texts (maxLength).',
    cache: '',
    others: 'Take a smaller reference, or adapters, which need none.',
    trained,
  };
}

function adviceFor(
  { activations, cache, weights, gradients, moments, copies, others }: MemoryBudget,
  kind: BudgetKind,
): string {
  const parts = { activations, cache, others, trained: gradients + moments + copies };
  if (weights > activations && gradients === 0) return 'Take a smaller model.';
  const names = Object.keys(parts) as (keyof typeof parts)[];
  return ADVICE[kind][names.reduce((largest, name) => (parts[name] > parts[largest] ? name : largest))];
}
