// From scores to a token: the filters that shape the distribution, in transformers' order, and the draw.
// Source: transformers' generation/logits_process.py.

import type { Generator } from '../random/index.ts';
import { SoftmaxKernel } from './softmax-kernel.ts';

/** How a token is chosen from the scores. */
export interface SamplingOptions {
  /** Scores are divided by it; 0 takes the most likely token and leaves the filters below out. Default 1. */
  readonly temperature?: number | undefined;
  /** Only the most likely so many tokens (and ties of the last). Default 0: all. Fan et al. 2018, arXiv 1805.04833. */
  readonly topK?: number | undefined;
  /** Only the fewest most likely tokens whose probabilities sum to at least it. Default 1: all. Holtzman et al. 2020, arXiv 1904.09751. */
  readonly topP?: number | undefined;
  /** Only tokens at least so likely as it times the most likely. Default 0: all. Nguyen et al. 2024, arXiv 2407.01082. */
  readonly minP?: number | undefined;
  /** Scores of tokens that are in the text already are divided by it if positive, else multiplied. Default 1. Keskar et al. 2019, arXiv 1909.05858. */
  readonly repetitionPenalty?: number | undefined;
}

/** A chosen token. */
export interface SampledToken {
  readonly token: number;
  /** Its log-probability by the model's scores alone. */
  readonly logProb: number;
  /** Its log-probability in the distribution that it was drawn from; 0 where the most likely token is taken. */
  readonly sampledLogProb: number;
}

type Settings = { readonly [K in keyof SamplingOptions]-?: number };

function settingsOf(options: SamplingOptions): Settings {
  const { temperature = 1, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = options;
  const need = (valid: boolean, name: string, value: number, rule: string): void => {
    if (!valid) throw new RangeError(`sampling: ${name} is ${value}, but must be ${rule}`);
  };
  need(temperature >= 0 && temperature < Infinity, 'temperature', temperature, 'a number of 0 or more');
  need(Number.isInteger(topK) && topK >= 0, 'topK', topK, 'a whole number of 0 or more');
  need(topP > 0 && topP <= 1, 'topP', topP, 'above 0 and at most 1');
  need(minP >= 0 && minP <= 1, 'minP', minP, 'from 0 to 1');
  need(repetitionPenalty > 0 && repetitionPenalty < Infinity, 'repetitionPenalty', repetitionPenalty, 'above 0');
  return { temperature, topK, topP, minP, repetitionPenalty };
}

/**
 * Shapes the scores of one next token, in place: repetition penalty, temperature, top-k, top-p, min-p. Tokens that are ruled out
 * get -Infinity.
 *
 * @param scores `[vocabSize]`, before softmax.
 * @param seen the tokens of the text so far.
 * @throws RangeError if an option is out of range.
 */
export function processLogits(scores: Float32Array, seen: Iterable<number>, options: SamplingOptions): void {
  const kernel = new SoftmaxKernel(scores.length);
  kernel.scores.set(scores);
  process(kernel, seen, settingsOf(options));
  scores.set(kernel.scores);
}

/** As {@link processLogits}, of the kernel's scores. */
function process(kernel: SoftmaxKernel, seen: Iterable<number>, settings: Settings): void {
  const { scores } = kernel;
  const { temperature, topK, topP, minP, repetitionPenalty } = settings;
  if (repetitionPenalty !== 1) {
    for (const token of new Set(seen)) {
      const score = scores[token]!;
      scores[token] = score > 0 ? score / repetitionPenalty : score * repetitionPenalty;
    }
  }
  if (temperature === 0) return;
  if (temperature !== 1) for (let i = 0; i < scores.length; i++) scores[i]! /= temperature;
  if (topK > 0 && topK < scores.length) keepAtLeast(scores, kthLargest(scores, topK));
  if (topP < 1) keepMass(kernel, topP);
  if (minP > 0) keepAtLeast(scores, kernel.largest() + Math.log(minP));
}

function keepAtLeast(scores: Float32Array, threshold: number): void {
  for (let i = 0; i < scores.length; i++) if (scores[i]! < threshold) scores[i] = -Infinity;
}

/** The `k`-th largest element: the root of a heap of the `k` largest so far, the smallest of them on top. */
function kthLargest(scores: Float32Array, k: number): number {
  const heap = scores.slice(0, k).sort();
  for (let i = k; i < scores.length; i++) {
    const score = scores[i]!;
    if (score <= heap[0]!) continue;
    let at = 0;
    for (let child = 1; child < k; child = 2 * at + 1) {
      if (child + 1 < k && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= score) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = score;
  }
  return heap[0]!;
}

/** Rules out the least likely tokens whose probabilities sum to no more than 1 - `mass`; the most likely always stays. */
function keepMass(kernel: SoftmaxKernel, mass: number): void {
  const { scores, weights } = kernel;
  const total = kernel.weigh(kernel.largest());
  const allowed = (1 - mass) * total;
  // All tokens below this together weigh no more than is allowed, so that only the few above need to be sorted.
  const negligible = allowed / scores.length;
  const above = new Float32Array(scores.length);
  let [count, removed] = [0, 0];
  for (let i = 0; i < scores.length; i++) {
    const weight = weights[i]!;
    if (weight > negligible) above[count++] = weight;
    else removed += weight;
  }
  const candidates = above.subarray(0, count).sort();
  let kept = 0;
  for (; kept < candidates.length - 1; kept++) {
    removed += candidates[kept]!;
    if (removed > allowed) break;
  }
  const least = candidates[kept]!;
  // Of tokens that weigh the same as the least that is kept, the first ones go.
  let ties = kept - candidates.indexOf(least);
  for (let i = 0; i < scores.length; i++) {
    if (weights[i]! < least || (weights[i] === least && ties-- > 0)) scores[i] = -Infinity;
  }
}

/** Chooses tokens, with memory of its own that is used again. */
export class Sampler {
  readonly #settings: Settings;
  /** Whether tokens are drawn by the scores as they are. */
  readonly #plain: boolean;
  readonly #kernel: SoftmaxKernel;

  /** @throws RangeError if an option is out of range. */
  constructor(vocabSize: number, options: SamplingOptions = {}) {
    this.#settings = settingsOf(options);
    const { temperature, topK, topP, minP, repetitionPenalty } = this.#settings;
    this.#plain = temperature === 1 && topK === 0 && topP === 1 && minP === 0 && repetitionPenalty === 1;
    this.#kernel = new SoftmaxKernel(vocabSize);
  }

  /**
   * Chooses a token.
   *
   * @param logits `[vocabSize]`, the model's scores; left as they are.
   * @param seen the tokens of the text so far, for the repetition penalty.
   * @param generator null takes the likeliest token.
   * @param banned tokens that must not be chosen.
   * @throws Error if the scores are not numbers: the model has broken down.
   */
  sample(
    logits: Float32Array,
    seen: Iterable<number>,
    generator: Generator | null,
    banned: readonly number[] = [],
  ): SampledToken {
    const kernel = this.#kernel;
    const { scores } = kernel;
    scores.set(logits);
    const raw = this.#weigh();
    if (this.#plain && banned.length === 0) {
      const token = this.#choose(raw, generator);
      const logProb = scores[token]! - raw.largest - Math.log(raw.total);
      return { token, logProb, sampledLogProb: logProb };
    }
    for (const token of banned) scores[token] = -Infinity;
    process(kernel, seen, this.#settings);
    const greedy = this.#settings.temperature === 0;
    const shaped = greedy ? { largest: kernel.largest(), total: 1 } : this.#weigh();
    const token = this.#choose(shaped, greedy ? null : generator);
    return {
      token,
      logProb: logits[token]! - raw.largest - Math.log(raw.total),
      sampledLogProb: scores[token]! - shaped.largest - Math.log(shaped.total),
    };
  }

  #weigh(): Weighed {
    const largest = this.#kernel.largest();
    const total = this.#kernel.weigh(largest);
    if (!(total > 0))
      throw new Error('sampling: the model gives scores that are not numbers; was a learning rate too high?');
    return { largest, total };
  }

  #choose({ largest, total }: Weighed, generator: Generator | null): number {
    return generator === null ? this.#kernel.scores.indexOf(largest) : this.#kernel.draw(generator.random() * total);
  }
}

/** The largest of some scores, and the sum of exp(score - largest). */
interface Weighed {
  readonly largest: number;
  readonly total: number;
}

/** The log-probability of `token` by scores before softmax. */
export function logProbability(logits: Float32Array, token: number): number {
  let largest = -Infinity;
  for (const logit of logits) if (logit > largest) largest = logit;
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - largest);
  return logits[token]! - largest - Math.log(total);
}
