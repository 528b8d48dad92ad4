// The model that a policy should stay close to: in its rewards (RLHFEnv), or in its loss (an algorithm's `klCoef`).

import { createHash } from 'node:crypto';
import { hasAdapters } from '../../../lm/lora.ts';
import { copyCausalLM } from '../../../lm/models/architectures.ts';
import type { CausalLM } from '../../../lm/models/index.ts';
import { fromPretrained } from '../../../lm/pretrained.ts';
import { SequenceLogProbs } from '../../../lm/sequence-log-probs.ts';
import type { MaybePromise } from '../../env.ts';
import { EnvError } from '../../errors.ts';
import type { PlayingPolicy } from '../episode-rewarder.ts';
import { after } from '../text-env.ts';

/**
 * Which model that is:
 *
 * - `initial`: the policy as it was when training began; with its adapters off if it has any, which costs no memory, else a copy;
 * - `adapters-off`: the same, and an error if it has none;
 * - a model (one with adapters is read without them), or the folder of one or its name on the Hub;
 * - null: none, and no divergence.
 */
export type ReferenceModel = CausalLM | 'initial' | 'adapters-off' | (string & {}) | null;

/** What a reference is told of the policy when that is not there to ask. */
export interface ReferenceOptions {
  /** Tokens to choose from: neither the policy nor its reference gives what rows its model has besides any probability. */
  readonly numTokens: number;
  /** What the policy's scores are divided by, and the reference's alike. Default: the policy's, or 1. */
  readonly temperature?: number | undefined;
}

/** A reference, which is there when it is first needed. */
export class Reference {
  readonly #choice: ReferenceModel;
  readonly #numTokens: number;
  readonly #ownTemperature: number | undefined;
  #policy: PlayingPolicy | undefined;
  #loaded: MaybePromise<SequenceLogProbs> | undefined;
  /** A copy of the policy's weights, made before they change. */
  #copy: CausalLM | undefined;
  #fingerprint: string | undefined;

  constructor(choice: ReferenceModel, { numTokens, temperature }: ReferenceOptions) {
    this.#choice = choice;
    this.#numTokens = numTokens;
    this.#ownTemperature = temperature;
  }

  get exists(): boolean {
    return this.#choice !== null;
  }

  /** The model that it is, if it is there already, and not the policy's own. */
  get model(): CausalLM | undefined {
    return typeof this.#choice === 'object' && this.#choice !== null ? this.#choice : undefined;
  }

  /** The folder of the model that it is, which is opened when it is needed, or its name on the Hub. */
  get folder(): string | undefined {
    const choice = this.#choice;
    return typeof choice === 'string' && choice !== 'initial' && choice !== 'adapters-off' ? choice : undefined;
  }

  /** Whether it will copy this policy's model. */
  copies(model: CausalLM): boolean {
    return this.#choice === 'initial' && !hasAdapters(model);
  }

  /** Tells it the policy, before any weight of that changes. @throws EnvError if the two cannot be compared */
  connect(policy: PlayingPolicy): void {
    const choice = this.#choice;
    const own = this.#ownTemperature;
    if (own !== undefined && own !== policy.temperature) {
      throw new EnvError(
        `the policy acts at temperature ${policy.temperature} but the environment was told ${own}: ` +
          'both distributions must be tempered alike, or their divergence means nothing. Leave it to the policy',
      );
    }
    const adapted = hasAdapters(policy.model);
    if (choice === 'adapters-off' && !adapted) {
      throw new EnvError(
        "the reference is 'adapters-off', but the policy has no adapters: see applyLora, or take 'initial'",
      );
    }
    if (choice === policy.model && !adapted) {
      throw new EnvError(
        "the reference is the policy's own model, which never diverges from itself: take 'initial', which copies it, or give it adapters",
      );
    }
    this.#policy = policy;
    this.#loaded = undefined;
    // An earlier copy goes on to hold: a policy that is connected again has learned since.
    if (choice === 'initial' && !adapted) this.#copy ??= copyCausalLM(policy.model);
    if (choice !== null && typeof choice !== 'string') this.#checkVocabulary(choice);
  }

  /**
   * What tells the weights of a reference from others, so that a run goes on beside the one that it began with; null for the policy
   * without its adapters, and for folders.
   */
  get fingerprint(): string | null {
    const model = this.#copy ?? this.#choice;
    if (model === null || typeof model === 'string' || model === this.#policy?.model) return null;
    if (this.#fingerprint === undefined) {
      const hash = createHash('sha256');
      for (const { storage } of model.parameters()) hash.update(storage.data);
      this.#fingerprint = hash.digest('hex').slice(0, 16);
    }
    return this.#fingerprint;
  }

  /**
   * The model, ready to be asked.
   *
   * @throws EnvError, or a promise of one, if there is none, or it has other tokens than the policy
   */
  scorer(): MaybePromise<SequenceLogProbs> {
    this.#loaded ??= after(this.#model(), (model) => {
      this.#checkVocabulary(model);
      const { temperature = this.#ownTemperature, numTokens = this.#numTokens } = this.#policy ?? {};
      return new SequenceLogProbs(model, { temperature, numTokens });
    });
    return this.#loaded;
  }

  /** Frees the programs. */
  release(): void {
    const loaded = this.#loaded;
    this.#loaded = undefined;
    if (loaded instanceof SequenceLogProbs) loaded.release();
    else
      loaded?.then(
        (scorer) => scorer.release(),
        () => {},
      );
  }

  #checkVocabulary({ config: { vocabSize } }: CausalLM): void {
    const expected = this.#policy?.model.config.vocabSize ?? this.#numTokens;
    if (this.#policy === undefined ? vocabSize >= expected : vocabSize === expected) return;
    throw new EnvError(
      `the reference model knows ${vocabSize} tokens and the policy ${expected}: they must share a tokenizer and a vocabulary`,
    );
  }

  #model(): MaybePromise<CausalLM> {
    const choice = this.#choice;
    if (choice === null) throw new EnvError('there is no reference model: refModel is null');
    if (typeof choice !== 'string') return choice;
    if (choice !== 'initial' && choice !== 'adapters-off') return fromPretrained(choice);
    if (this.#policy === undefined) {
      throw new EnvError(
        `refModel is '${choice}', but this environment does not know the policy: give it a model, or the folder of one`,
      );
    }
    return this.#copy ?? this.#policy.model;
  }
}
