// A reference that reads several texts as they are written: one decoder, and a slot of it for each environment.

import type { Decoder } from '../../../lm/kv-cache.ts';
import { logProbability } from '../../../lm/sampling.ts';
import type { SequenceLogProbs } from '../../../lm/sequence-log-probs.ts';
import type { MaybePromise } from '../../env.ts';
import { after } from '../text-env.ts';
import type { Reference } from './reference.ts';

/** What one environment asks. */
interface Question {
  readonly slot: number;
  /** The text so far. */
  readonly ids: Int32Array;
  /** The token to come. */
  readonly token: number;
  readonly answer: (logProb: number) => void;
  readonly fail: (error: unknown) => void;
}

/** Answers what environments ask at a time by one pass for all; a single environment at once. */
export class ReferenceSlots {
  readonly #reference: Reference;
  readonly #count: number;
  #decoder: Decoder | undefined;
  #questions: Question[] = [];

  /** @param count environments */
  constructor(reference: Reference, count: number) {
    this.#reference = reference;
    this.#count = count;
  }

  /** Forgets a slot's text: another begins. */
  reset(slot: number): void {
    this.#decoder?.reset(slot);
  }

  /** The reference's log-probability of `token` after `ids`, which go on from what the slot was asked about before. */
  logProb(slot: number, ids: Int32Array, token: number): MaybePromise<number> {
    if (this.#count === 1)
      return after(this.#reference.scorer(), (scorer) => this.#answerOne(scorer, slot, ids, token));
    return new Promise((answer, fail) => {
      // All environments of a vector ask before anything that waits goes on.
      if (this.#questions.push({ slot, ids: ids.slice(), token, answer, fail }) === 1)
        queueMicrotask(() => this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const questions = this.#questions;
    this.#questions = [];
    try {
      const scorer = await this.#reference.scorer();
      this.#answerAll(scorer, questions).forEach((logProb, i) => questions[i]!.answer(logProb));
    } catch (error) {
      for (const { fail } of questions) fail(error);
    }
  }

  #answerAll(scorer: SequenceLogProbs, questions: readonly Question[]): readonly number[] {
    const decoder = this.#decoderOf(scorer);
    const next = new Int32Array(this.#count).fill(-1);
    const answers = questions.map(({ slot, ids, token }) => {
      const held = decoder.lengths[slot]!;
      if (held > 0 && ids.length === held + 1) next[slot] = ids[held]!;
      // What a slot has not begun, or has more than a token of, is read for itself.
      else return this.#answerOne(scorer, slot, ids, token);
      return 0;
    });
    if (next.every((token) => token < 0)) return answers;
    const scores = decoder.step(next);
    const { vocabSize } = scorer.model.config;
    return questions.map(({ slot, token }, i) =>
      next[slot]! < 0 ? answers[i]! : logProbOf(scorer, scores.subarray(slot * vocabSize), token),
    );
  }

  #answerOne(scorer: SequenceLogProbs, slot: number, ids: Int32Array, token: number): number {
    const decoder = this.#decoderOf(scorer);
    return logProbOf(scorer, decoder.extend(slot, ids.slice(decoder.lengths[slot])), token);
  }

  #decoderOf(scorer: SequenceLogProbs): Decoder {
    this.#decoder ??= scorer.decoder(this.#count);
    return this.#decoder;
  }
}

/** @param all scores of the model's rows, of which the first are tokens */
function logProbOf({ temperature, numTokens }: SequenceLogProbs, all: Float32Array, token: number): number {
  const scores = all.subarray(0, numTokens);
  return logProbability(temperature === 1 ? scores : scores.map((score) => score / temperature), token);
}
