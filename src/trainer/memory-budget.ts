// How much memory a run takes, estimated before it begins, by formulas that can be read. docs/reliability.md holds them against
// measurements.

import type { ModelConfig } from '../lm/index.ts';
import { cachedHeadSize, type Parameter } from '../nn/index.ts';
import { availableMemory } from './available-memory.ts';

/** What a run takes, in bytes. */
export interface MemoryBudget {
  /** Of all models that learn, trained or frozen. */
  readonly weights: number;
  readonly gradients: number;
  /** Adam's two for every trained weight. */
  readonly moments: number;
  /** What the largest program that learns keeps between its forward and its backward pass. */
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

/** A run needs more memory than there is. Nothing has been written. */
export class MemoryBudgetError extends Error {
  readonly budget: MemoryBudget;

  constructor(budget: MemoryBudget) {
    super(
      `this run needs ${memoryText(budget)}: too little. ${adviceFor(budget)} If the estimate is wrong, pass memoryCheck: false`,
    );
    this.name = 'MemoryBudgetError';
    this.budget = budget;
  }
}

const FLOAT = 4;

/** What compiled programs take, as measured; it hardly depends on the model. */
const COMPILED = 40e6;

/** What is trained in a run, and beside what. */
export interface BudgetParts {
  /** Of policy, critic, classifier: each once, even if several models share it. */
  readonly parameters: Iterable<Parameter>;
  /** In bytes. Default 0. */
  readonly activations?: number | undefined;
  readonly cache?: number | undefined;
  /** Models beside it; weights that they share with the others count once. */
  readonly others?: Iterable<Parameter> | undefined;
  /** Bytes of models that are not in memory yet. */
  readonly toLoad?: number | undefined;
}

/** Adds up what a run takes. */
export function memoryBudget(parts: BudgetParts, available = availableMemory()): MemoryBudget {
  const { parameters, activations = 0, cache = 0, others = [], toLoad = 0 } = parts;
  const own = new Set(parameters);
  const bytes = (some: Iterable<Parameter>): number => [...some].reduce((sum, { size }) => sum + FLOAT * size, 0);
  const gradients = bytes([...own].filter(({ frozen }) => !frozen));
  const beside = bytes([...new Set(others)].filter((parameter) => !own.has(parameter))) + toLoad;
  const weights = bytes(own);
  const runtime = Math.max(0, process.memoryUsage.rss() - weights - (beside - toLoad)) + COMPILED;
  const counted = { weights, gradients, moments: 2 * gradients, activations, cache, others: beside, runtime };
  return { ...counted, total: Object.values(counted).reduce((sum, part) => sum + part, 0), available };
}

/** @throws MemoryBudgetError for a run that needs more than is free, besides what its models have taken already */
export function checkBudget(budget: MemoryBudget, toLoad = 0): void {
  const { gradients, moments, activations, cache, available } = budget;
  if (gradients + moments + activations + cache + toLoad > available) throw new MemoryBudgetError(budget);
}

/** A forward and backward pass over rows of tokens. */
export interface PassShape {
  readonly rows: number;
  /** Tokens of a row. */
  readonly time: number;
  /** Whether only a head is trained, so that no layer keeps anything. Default false. */
  readonly headOnly?: boolean | undefined;
  /** Whether every token's scores over the vocabulary are computed, and not a score of the whole text alone. */
  readonly scores: boolean;
}

/**
 * What such a pass keeps, in bytes. In floats a token and layer: four vectors of the layer's width (what goes into the norms, and what
 * comes out), those of the feed-forward part before and after its activation, queries, keys, values and what attention gives, and its
 * weights. Gradients take what two layers more would. In floats a token: scores, their probabilities and gradients.
 */
export function activationBytes(config: ModelConfig, { rows, time, scores, headOnly = false }: PassShape): number {
  const { modelType, hiddenSize, intermediateSize, numLayers, numHeads, numKeyValueHeads, headDim, vocabSize } = config;
  const heads = headDim * (numHeads + 2 * numKeyValueHeads);
  const inner = modelType === 'gpt2' ? 2 : 4;
  const layer = 4 * hiddenSize + inner * intermediateSize + heads + headDim * numHeads + numHeads * time;
  const token = (headOnly ? 2 : numLayers + 2) * layer + (scores ? 3 * vocabSize : 0);
  return FLOAT * rows * time * token;
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

/** What to do about the largest part. */
function adviceFor(budget: MemoryBudget): string {
  const { activations, cache, gradients, moments, others } = budget;
  const largest = Math.max(activations, cache, gradients + moments, others);
  if (largest === activations) {
    return 'Take smaller batches (batchSize with gradientAccumulation, or minibatchSize), or shorter texts (maxLength, maxGeneration).';
  }
  if (largest === cache) return 'Take fewer environments (numEnvs), or shorter texts (maxGeneration).';
  if (largest === others) return 'Share weights: adapters (applyLora) need no copy as their reference.';
  return 'Train adapters alone (lora, applyLora), or a smaller model.';
}
