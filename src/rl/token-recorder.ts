// Collecting token episodes: of all observations only the last is kept, since each is the beginning of the next.

import type { Generator } from '../random/index.ts';
import type { CollectedEpisode, EpisodeRecorder, EpisodeSteps } from './episodes.ts';
import type { TokenRollout, TokenSequence } from './token-policy.ts';
import type { TokenSlots } from './token-slots.ts';

export class TokenRecorder implements EpisodeRecorder<TokenRollout> {
  readonly #slots: TokenSlots;
  readonly #actions: Int32Array;
  readonly #logProbs: Float32Array;
  readonly #positions: number[][];
  readonly #sequences: TokenSequence[] = [];

  constructor(slots: TokenSlots) {
    this.#slots = slots;
    this.#actions = new Int32Array(slots.count);
    this.#logProbs = new Float32Array(slots.count);
    this.#positions = Array.from({ length: slots.count }, () => []);
  }

  act(observations: readonly unknown[], generator: Generator | null): void {
    this.#slots.act(observations as readonly (Int32Array | null)[], this.#actions, this.#logProbs, generator);
  }

  actionOf(slot: number): number {
    return this.#actions[slot]!;
  }

  logProbOf(slot: number): number {
    return this.#logProbs[slot]!;
  }

  note(slot: number, observation: unknown): void {
    // The token decided on will stand right behind what was observed.
    this.#positions[slot]!.push((observation as Int32Array).length);
  }

  end(slot: number, observation: unknown, { firstRow, group }: CollectedEpisode): void {
    const positions = Int32Array.from(this.#positions[slot]!);
    this.#sequences.push({ tokens: observation as Int32Array, positions, firstRow, group });
    this.#positions[slot] = [];
  }

  drop(slot: number): void {
    this.#positions[slot] = [];
  }

  finish(steps: EpisodeSteps): TokenRollout {
    return { ...steps, sequences: this.#sequences };
  }

  release(): void {
    this.#slots.reset();
  }
}
