// The policy of token environments. An episode is one sequence of tokens, each observation the one before with more at its end.
// Acting keeps keys and values of every slot's tokens and decodes one token for all slots at once; learning reads whole sequences,
// all positions in one pass.

import type { Env } from '../env/index.ts';
import type { PlayingPolicy } from '../env/text/index.ts';
import { inLanes, lanesFor, rowsOfBatch } from '../lm/lanes.ts';
import type { CausalLM } from '../lm/models/index.ts';
import { Module, type Parameter } from '../nn/index.ts';
import { compile, type Compiled, defaultThreads } from '../runtime/index.ts';
import type { Tensor, TensorData } from '../tensor/index.ts';
import { Categorical } from './distributions.ts';
import type { LMActorNetwork, LMCriticNetwork } from './lm-networks.ts';
import type { Evaluation, Layout, StateValues } from './policy.ts';
import type { EpisodeSteps, EpisodicPolicy, RolloutJudge } from './episodes.ts';
import { judgeOf } from './token-judge.ts';
import { TokenRecorder } from './token-recorder.ts';
import { TokenSlots } from './token-slots.ts';

/** The tokens of one episode. */
export interface TokenSequence {
  /** The whole text: prompt, the policy's tokens, and what the environment inserted. */
  readonly tokens: Int32Array;
  /** Where the policy's own tokens stand, in order; one for each row. */
  readonly positions: Int32Array;
  /** The row of the first of them; the others follow. */
  readonly firstRow: number;
  /** Episodes of one group began alike. */
  readonly group: number;
}

/** Whole texts. */
export interface TokenRollout extends EpisodeSteps {
  readonly sequences: readonly TokenSequence[];
}

export interface TokenPolicyOptions {
  readonly actor: LMActorNetwork;
  /** Needed by PPO only. With the actor's model in it, one trunk serves both. */
  readonly critic?: LMCriticNetwork | undefined;
  /** Divides the scores, in acting and in learning alike. Default 1. */
  readonly temperature?: number | undefined;
  /**
   * How many tokens there are to choose from: models often have a few more rows than their tokenizer has tokens, and what those score
   * is left out of every probability. Default: the model's.
   */
  readonly numTokens?: number | undefined;
  /** Default: all. */
  readonly threads?: number | undefined;
}

/** Sequences are filled up to a multiple of this, so that few programs serve all lengths. */
const LENGTH_STEP = 8;

/** For environments of tokens: a language model that writes, and one that says what a text so far is worth. */
export class TokenPolicy extends Module implements EpisodicPolicy<TokenRollout>, PlayingPolicy {
  readonly actor: LMActorNetwork;
  readonly critic: LMCriticNetwork | undefined;
  readonly temperature: number;
  readonly numTokens: number;
  readonly threads: number;
  readonly #values: Compiled<[Tensor], Tensor>;
  readonly #slots = new Map<number, TokenSlots>();

  constructor(options: TokenPolicyOptions) {
    super();
    const { actor, critic, temperature = 1, threads = defaultThreads() } = options;
    const { vocabSize } = actor.model.config;
    const { numTokens = vocabSize } = options;
    if (!(Number.isInteger(numTokens) && numTokens >= 1 && numTokens <= vocabSize)) {
      throw new RangeError(`numTokens is ${numTokens}, but the model knows ${vocabSize} tokens`);
    }
    if (!(temperature > 0)) throw new RangeError(`temperature is ${temperature}, but must be above 0`);
    if (critic !== undefined && critic.model.config.vocabSize !== actor.model.config.vocabSize) {
      throw new RangeError(
        `the actor knows ${actor.model.config.vocabSize} tokens and the critic ${critic.model.config.vocabSize}: they must share a tokenizer`,
      );
    }
    this.actor = actor;
    this.critic = critic;
    this.temperature = temperature;
    this.numTokens = numTokens;
    this.threads = threads;
    this.#values = compile((ids: Tensor) => this.#critic().forward(ids), { threads: lanesFor(2, threads).threads });
  }

  /** The actor's. */
  get model(): CausalLM {
    return this.actor.model;
  }

  /** The weights that are trained, the critic's too. */
  get trained(): Parameter[] {
    return this.parameters().filter(({ frozen }) => !frozen);
  }

  get separateCritic(): boolean {
    const actor = new Set(this.actor.parameters());
    return this.critic?.parameters().every((parameter) => parameter.frozen || !actor.has(parameter)) ?? false;
  }

  actorParameters(): readonly Parameter[] {
    return this.actor.parameters();
  }

  /** What decides in `count` environments at a time, whose texts have at most `maxLength` tokens. Release it when done. */
  slots(count: number, maxLength = this.actor.model.config.maxPositions): TokenSlots {
    const { temperature, threads, numTokens } = this;
    return new TokenSlots(this.actor.model, { count, maxLength, temperature, threads, numTokens });
  }

  /** Collects episodes in `slots` environments. The decoder behind it is kept for the next collection. */
  recorder(slots: number): TokenRecorder {
    let kept = this.#slots.get(slots);
    if (kept === undefined) {
      kept = this.slots(slots);
      this.#slots.set(slots, kept);
    }
    return new TokenRecorder(kept);
  }

  /** @throws EnvError for environments that do not go together, or cannot judge this policy */
  judge(envs: readonly Env[]): RolloutJudge<TokenRollout> | null {
    return judgeOf(envs, this);
  }

  /** Whole sequences, but for those of which a row is not valid. */
  units({ sequences, valid }: TokenRollout): Int32Array {
    const units = sequences.map((_, i) => i);
    return Int32Array.from(
      units.filter((i) => {
        const { firstRow, positions } = sequences[i]!;
        return !valid.subarray(firstRow, firstRow + positions.length).includes(0);
      }),
    );
  }

  layout(rollout: TokenRollout, units: Int32Array, size: number): Layout {
    const chosen = Array.from(units, (i) => rollout.sequences[i]!);
    // The last token is nobody's input here: it has been decided on, and nothing is decided after it.
    const time = this.#bucket(Math.max(...chosen.map(({ tokens }) => tokens.length)) - 1);
    const rows = new Int32Array(size * time).fill(-1);
    chosen.forEach(({ positions, firstRow }, b) => {
      for (let k = 0; k < positions.length; k++) rows[b * time + positions[k]! - 1] = firstRow + k;
    });
    const type = { shape: [size, time], dtype: 'int32' as const };
    return { types: [type, type], rows, fill: ([ids, next]) => this.#fill(chosen, time, ids!, next!) };
  }

  evaluateLayout([ids, next]: readonly Tensor[]): Evaluation {
    const [batch, time] = ids!.shape as [number, number];
    const { model } = this.actor;
    const hidden = model.hidden(ids!);
    const all = model.logits(hidden).reshape([batch * time, model.config.vocabSize]);
    const logits = all.slice([0, 0], [null, this.numTokens]);
    const distribution = new Categorical(this.temperature === 1 ? logits : logits.div(this.temperature));
    const { critic } = this;
    const values = critic && (critic.model === model ? critic.valuesOf(hidden) : critic.forward(ids!));
    return {
      logProbs: distribution.logProb(next!.reshape([batch * time])),
      entropies: distribution.entropy(),
      values: values?.reshape([batch * time]),
    };
  }

  /**
   * The value before each of the policy's tokens. After a text's last one there is nothing, even where it was cut off: such a text has
   * got its reward as it stands, the room for it is a limit that the policy lives under, and no row would ever teach the critic what
   * lies beyond. (As in TRL; where observations are of fixed size, a truncated episode goes on in its last value.)
   */
  async stateValues(rollout: TokenRollout, signal?: AbortSignal): Promise<StateValues> {
    const values = new Float32Array(rollout.rows);
    const nextValues = new Float32Array(rollout.rows);
    // Sequences of like lengths together, a few at a time.
    const order = [...rollout.sequences].sort((a, b) => a.tokens.length - b.tokens.length);
    const lanes = lanesFor(order.length, this.threads);
    const size = rowsOfBatch(order.length, lanes, VALUE_SEQUENCES);
    const batches = Array.from({ length: Math.ceil(order.length / size) }, (_, i) =>
      order.slice(i * size, (i + 1) * size),
    );
    await inLanes(
      batches,
      lanes,
      async (chosen) => {
        const time = this.#bucket(chosen.at(-1)!.tokens.length - 1);
        const program = this.#values.program({ shape: [size, time], dtype: 'int32' }).bind();
        this.#fill(chosen, time, program.arguments[0]!);
        await program.runAsync(signal);
        const said = program.results as Float32Array;
        chosen.forEach(({ positions, firstRow }, b) => {
          positions.forEach((position, k) => {
            const value = said[b * time + position - 1]!;
            values[firstRow + k] = value;
            // What the decision before this one led to, inserted tokens and all.
            if (k > 0) nextValues[firstRow + k - 1] = value;
          });
        });
        program.release();
      },
      signal,
    );
    return { values, nextValues };
  }

  #critic(): LMCriticNetwork {
    if (this.critic === undefined)
      throw new Error('this policy has no critic, which PPO needs: give it an LMCriticNetwork');
    return this.critic;
  }

  #fill(sequences: readonly TokenSequence[], time: number, ids: TensorData, next?: TensorData): void {
    ids.fill(this.actor.padTokenId);
    next?.fill(this.actor.padTokenId);
    sequences.forEach(({ tokens }, b) => {
      ids.set(tokens.subarray(0, time), b * time);
      next?.set(tokens.subarray(1, time + 1), b * time);
    });
  }

  #bucket(length: number): number {
    return Math.min(LENGTH_STEP * Math.ceil(length / LENGTH_STEP), this.actor.model.config.maxPositions);
  }
}

/** Values are computed for at most this many sequences at a time. */
export const VALUE_SEQUENCES = 16;
