// From scores to a token: the filters that shape the distribution, in transformers' order, and the draw.
// Source: transformers' generation/logits_process.py.

import type { Generator } from '../random/index.ts';

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
  process(scores, seen, settingsOf(options));
}

function process(scores: Float32Array, seen: Iterable<number>, settings: Settings): void {
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
  if (topP < 1) keepMass(scores, topP);
  if (minP > 0) keepAtLeast(scores, maximum(scores) + Math.log(minP));
}

function keepAtLeast(scores: Float32Array, threshold: number): void {
  for (let i = 0; i < scores.length; i++) if (scores[i]! < threshold) scores[i] = -Infinity;
}

function maximum(scores: Float32Array): number {
  let largest = -Infinity;
  for (let i = 0; i < scores.length; i++) if (scores[i]! > largest) largest = scores[i]!;
  return largest;
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
function keepMass(scores: Float32Array, mass: number): void {
  const largest = maximum(scores);
  const probabilities = new Float32Array(scores.length);
  let total = 0;
  for (let i = 0; i < scores.length; i++) {
    const weight = exp(scores[i]! - largest);
    probabilities[i] = weight;
    total += weight;
  }
  const allowed = (1 - mass) * total;
  // All tokens below this together weigh no more than is allowed, so that only the few above need to be sorted.
  const negligible = allowed / scores.length;
  const above = new Float32Array(scores.length);
  let [count, removed] = [0, 0];
  for (let i = 0; i < scores.length; i++) {
    const weight = probabilities[i]!;
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
    if (probabilities[i]! < least || (probabilities[i] === least && ties-- > 0)) scores[i] = -Infinity;
  }
}

const STEPS = 256;
/** 2^(i / STEPS). */
const ROOTS = Float64Array.from({ length: STEPS }, (_, i) => 2 ** (i / STEPS));
/** 2^-i. */
const HALVES = Float64Array.from({ length: 1024 }, (_, i) => 2 ** -i);

/**
 * e^x for x of at most 0, to 12 digits, in a third of the time that Math.exp takes: a vocabulary has many tokens. With
 * x = (k / 256) ln 2 + r, e^x is a tabulated power of 2 times a short series in r.
 */
function exp(x: number): number {
  if (!(x > -700)) return Math.exp(x);
  const k = Math.floor(x * (STEPS / Math.LN2));
  const r = x - k * (Math.LN2 / STEPS);
  return ROOTS[k & (STEPS - 1)]! * HALVES[-(k >> 8)]! * (1 + r * (1 + r * (0.5 + r * (1 / 6 + r * (1 / 24)))));
}

/** Chooses tokens, with memory of its own that is used again. */
export class Sampler {
  readonly #settings: Settings;
  readonly #plain: boolean;
  readonly #scores: Float32Array;
  readonly #weights: Float64Array;

  /** @throws RangeError if an option is out of range. */
  constructor(vocabSize: number, options: SamplingOptions = {}) {
    this.#settings = settingsOf(options);
    const { temperature, topK, topP, minP, repetitionPenalty } = this.#settings;
    this.#plain = temperature === 1 && topK === 0 && topP === 1 && minP === 0 && repetitionPenalty === 1;
    this.#scores = new Float32Array(vocabSize);
    this.#weights = new Float64Array(vocabSize);
  }

  /**
   * Chooses a token.
   *
   * @param logits `[vocabSize]`, the model's scores; left as they are.
   * @param seen the tokens of the text so far, for the repetition penalty.
   * @param banned tokens that must not be chosen.
   * @throws Error if the scores are not numbers: the model has broken down.
   */
  sample(
    logits: Float32Array,
    seen: Iterable<number>,
    generator: Generator,
    banned: readonly number[] = [],
  ): SampledToken {
    if (this.#plain && banned.length === 0) {
      const total = this.#weigh(logits);
      const token = this.#draw(total, generator);
      const logProb = Math.log(this.#weights[token]! / total);
      return { token, logProb, sampledLogProb: logProb };
    }
    const scores = this.#scores;
    scores.set(logits);
    for (const token of banned) scores[token] = -Infinity;
    process(scores, seen, this.#settings);
    let token: number;
    let sampledLogProb = 0;
    if (this.#settings.temperature === 0) {
      token = scores.indexOf(maximum(scores));
    } else {
      const total = this.#weigh(scores);
      token = this.#draw(total, generator);
      sampledLogProb = Math.log(this.#weights[token]! / total);
    }
    return { token, logProb: logProbability(logits, token), sampledLogProb };
  }

  /** Fills the weights with exp(score - largest) and returns their sum. */
  #weigh(scores: Float32Array): number {
    const weights = this.#weights;
    const largest = maximum(scores);
    let total = 0;
    for (let i = 0; i < scores.length; i++) {
      const weight = exp(scores[i]! - largest);
      weights[i] = weight;
      total += weight;
    }
    if (!(total > 0))
      throw new Error('sampling: the model gives scores that are not numbers; was a learning rate too high?');
    return total;
  }

  #draw(total: number, generator: Generator): number {
    const weights = this.#weights;
    let rest = generator.random() * total;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i]!;
      if (weight === 0) continue;
      last = i;
      rest -= weight;
      if (rest < 0) return i;
    }
    // Rounding may leave a crumb beyond the last token.
    return last;
  }
}

/** The log-probability of `token` by scores before softmax. */
export function logProbability(logits: Float32Array, token: number): number {
  const largest = maximum(logits);
  let total = 0;
  for (let i = 0; i < logits.length; i++) total += exp(logits[i]! - largest);
  return logits[token]! - largest - Math.log(total);
}
