// Any environments, stepped one after another. Source: gymnasium.vector.SyncVectorEnv, Gymnasium 1.x.

import type {
  ActionOf,
  Answer,
  Env,
  Info,
  MaybePromise,
  ObservationOf,
  ResetOptions,
  ResetResult,
  StepResult,
} from '../env.ts';
import { ClosedEnvironmentError, EnvError } from '../errors.ts';
import { batchSpace, concatenate, iterate } from '../spaces/batch.ts';
import type { Space } from '../spaces/space.ts';
import { batchDifferingSpaces, sameForm } from './batch-differing-spaces.ts';
import {
  type AutoresetMode,
  type Batch,
  checkMask,
  VectorEnv,
  type VectorEnvMetadata,
  type VectorResetOptions,
  type VectorResetResult,
  type VectorStepResult,
} from './vector-env.ts';
import { addInfo, addItem } from './vector-info.ts';

/** Options of {@link SyncVectorEnv}. */
export interface SyncVectorEnvOptions {
  /** What happens when a sub-environment's episode ends. Default `next-step`. */
  readonly autoresetMode?: AutoresetMode;
  /**
   * How observation spaces are batched: `same` wants them equal, `different` lets bounds differ; or the two spaces
   * themselves. Default `same`.
   */
  readonly observationMode?:
    | 'same'
    | 'different'
    | { readonly observationSpace: Space; readonly singleObservationSpace: Space };
}

/** How a {@link SyncVectorEnv} stands; plain data, for checkpoints. */
export interface SyncVectorEnvState {
  readonly envs: readonly unknown[];
  /** The latest of each; null before its first reset. */
  readonly observations: readonly unknown[];
  readonly terminations: readonly number[];
  readonly truncations: readonly number[];
}

/**
 * Steps environments one after another, and gives their results as one batch.
 *
 * If they are synchronous, so are `reset` and `step`. If they return promises, all are started and then awaited together.
 */
export class SyncVectorEnv<E extends Env = Env> extends VectorEnv<Batch<ObservationOf<E>>, Batch<ActionOf<E>>> {
  readonly envs: readonly E[];
  readonly numEnvs: number;
  readonly observationSpace: Space<Batch<ObservationOf<E>>>;
  readonly actionSpace: Space<Batch<ActionOf<E>>>;
  readonly singleObservationSpace: E['observationSpace'];
  readonly singleActionSpace: E['actionSpace'];
  override readonly metadata: VectorEnvMetadata;
  override readonly renderMode: string | null;

  readonly #mode: AutoresetMode;
  readonly #observations: unknown[];
  readonly #rewards: Float64Array;
  readonly #terminations: Uint8Array;
  readonly #truncations: Uint8Array;
  /** What the step or reset under way has given so far. */
  readonly #infos: (Info | undefined)[];
  readonly #finals: ([observation: unknown, info: Info] | undefined)[];

  /** @param envFns functions that make the environments; their spaces must agree */
  constructor(envFns: readonly (() => E)[], options: SyncVectorEnvOptions = {}) {
    super();
    const { autoresetMode = 'next-step', observationMode = 'same' } = options;
    this.envs = envFns.map((makeEnv) => makeEnv());
    const [first] = this.envs;
    if (first === undefined) throw new RangeError('SyncVectorEnv needs at least one environment');
    this.numEnvs = this.envs.length;
    this.metadata = { ...first.metadata, autoresetMode };
    this.renderMode = first.renderMode;
    this.#mode = autoresetMode;

    this.singleActionSpace = first.actionSpace;
    this.actionSpace = batchSpace(first.actionSpace, this.numEnvs) as Space<Batch<ActionOf<E>>>;
    const [single, batched] = this.#observationSpaces(first.observationSpace, observationMode);
    this.singleObservationSpace = single;
    this.observationSpace = batched as Space<Batch<ObservationOf<E>>>;
    this.#checkSpaces(observationMode === 'same');

    this.#observations = Array.from({ length: this.numEnvs });
    this.#rewards = new Float64Array(this.numEnvs);
    this.#terminations = new Uint8Array(this.numEnvs);
    this.#truncations = new Uint8Array(this.numEnvs);
    this.#infos = Array.from({ length: this.numEnvs });
    this.#finals = Array.from({ length: this.numEnvs });
  }

  reset(options: VectorResetOptions = {}): Answer<E, VectorResetResult<Batch<ObservationOf<E>>>> {
    this.#checkOpen();
    const { resetMask, ...rest } = options.options ?? {};
    if (resetMask !== undefined) checkMask(resetMask, this.numEnvs);
    const seeds = seedsOf(options.seed, this.numEnvs);
    this.#infos.fill(undefined);
    let pending: Promise<void>[] | undefined;
    for (let i = 0; i < this.numEnvs; i++) {
      if (resetMask !== undefined && !resetMask[i]) continue;
      this.#terminations[i] = 0;
      this.#truncations[i] = 0;
      const resetOptions: ResetOptions = { seed: seeds[i] ?? undefined, options: options.options && rest };
      const waiting = this.#resetOne(i, resetOptions);
      if (waiting !== undefined) (pending ??= []).push(heard(waiting));
    }
    const answer = pending === undefined ? this.#resetResult() : Promise.all(pending).then(() => this.#resetResult());
    return answer as Answer<E, VectorResetResult<Batch<ObservationOf<E>>>>;
  }

  step(actions: Batch<ActionOf<E>>): Answer<E, VectorStepResult<Batch<ObservationOf<E>>>> {
    this.#checkOpen();
    const items = iterate(this.actionSpace, actions);
    if (items.length !== this.numEnvs) {
      throw new RangeError(`${this} expects ${this.numEnvs} actions but got ${items.length}`);
    }
    if (this.#mode === 'disabled') this.#checkNoneEnded();
    let pending: Promise<void>[] | undefined;
    for (let i = 0; i < this.numEnvs; i++) {
      const waiting = this.#stepOne(i, items[i]);
      if (waiting !== undefined) (pending ??= []).push(heard(waiting));
    }
    const answer = pending === undefined ? this.#stepResult() : Promise.all(pending).then(() => this.#stepResult());
    return answer as Answer<E, VectorStepResult<Batch<ObservationOf<E>>>>;
  }

  /** Null if one of the sub-environments cannot say. */
  override saveState(): SyncVectorEnvState | null {
    const envs = this.envs.map((env) => env.saveState());
    if (envs.includes(null)) return null;
    return {
      envs,
      observations: this.#observations.map((observation) => observation ?? null),
      terminations: [...this.#terminations],
      truncations: [...this.#truncations],
    };
  }

  override loadState({ envs, observations, terminations, truncations }: SyncVectorEnvState): void {
    if (envs.length !== this.numEnvs) throw new RangeError(`${this} cannot load the state of ${envs.length}`);
    this.envs.forEach((env, i) => {
      env.loadState(envs[i]);
      this.#observations[i] = observations[i] ?? undefined;
    });
    this.#terminations.set(terminations);
    this.#truncations.set(truncations);
  }

  override render(): readonly unknown[] {
    return this.envs.map((env) => env.render());
  }

  /** Calls a method of every sub-environment, and returns what each returned. What is not a method is returned as it is. */
  call(name: string, ...args: readonly unknown[]): unknown[] {
    return this.getAttr(name).map((value) => (typeof value === 'function' ? value(...args) : value));
  }

  /** An attribute of every sub-environment. */
  getAttr(name: string): unknown[] {
    return this.envs.map((env) => env.getWrapperAttr(name));
  }

  /** Sets an attribute of every sub-environment: an array gives each its own value, anything else is for all. */
  setAttr(name: string, values: unknown): void {
    if (Array.isArray(values) && values.length !== this.numEnvs) {
      throw new RangeError(`setAttr('${name}') got ${values.length} values for ${this.numEnvs} environments`);
    }
    this.envs.forEach((env, i) => {
      env.setWrapperAttr(name, Array.isArray(values) ? values[i] : values);
    });
  }

  protected override closeExtras(): MaybePromise<void> {
    const closing = this.envs.map((env) => env.close()).filter((answer) => answer !== undefined);
    if (closing.length > 0) return Promise.all(closing).then(() => undefined);
  }

  #observationSpaces(
    single: Space,
    mode: NonNullable<SyncVectorEnvOptions['observationMode']>,
  ): [single: Space, batched: Space] {
    if (mode === 'same') return [single, batchSpace(single, this.numEnvs)];
    if (mode === 'different') return [single, batchDifferingSpaces(this.envs.map((env) => env.observationSpace))];
    return [mode.singleObservationSpace, mode.observationSpace];
  }

  #checkSpaces(same: boolean): void {
    this.envs.forEach((env, i) => {
      if (!env.actionSpace.equals(this.singleActionSpace)) {
        throw new EnvError(
          `Environment ${i} has the action space ${env.actionSpace}, but the first has ${this.singleActionSpace}`,
        );
      }
      const differ = `Environment ${i} has the observation space ${env.observationSpace}, but expected is ${this.singleObservationSpace}`;
      if (same && !env.observationSpace.equals(this.singleObservationSpace)) {
        throw new EnvError(`${differ}. If that is intended, pass observationMode: 'different'`);
      }
      if (!sameForm(env.observationSpace, this.singleObservationSpace)) {
        throw new EnvError(`${differ}: kind, shape and dtype must agree`);
      }
    });
  }

  #checkOpen(): void {
    if (this.closed) throw new ClosedEnvironmentError(`${this} is closed`);
  }

  #checkNoneEnded(): void {
    const ended = this.envs.flatMap((_, i) => (this.#terminations[i] || this.#truncations[i] ? [i] : []));
    if (ended.length > 0) {
      throw new EnvError(
        `The episodes of sub-environments [${ended}] have ended and autoresetMode is 'disabled': ` +
          'call reset({ options: { resetMask } }) with those marked before the next step',
      );
    }
  }

  #stepOne(i: number, action: unknown): Promise<void> | undefined {
    if (this.#mode === 'next-step' && (this.#terminations[i] || this.#truncations[i])) {
      this.#rewards[i] = 0;
      this.#terminations[i] = 0;
      this.#truncations[i] = 0;
      return this.#resetOne(i, undefined);
    }
    const result = this.envs[i].step(action);
    return Array.isArray(result) ? this.#noteStep(i, result) : result.then((later) => this.#noteStep(i, later));
  }

  #noteStep(i: number, result: StepResult<unknown>): Promise<void> | undefined {
    this.#observations[i] = result[0];
    this.#rewards[i] = result[1];
    this.#terminations[i] = Number(result[2]);
    this.#truncations[i] = Number(result[3]);
    this.#infos[i] = result[4];
    if (this.#mode !== 'same-step' || !(result[2] || result[3])) return undefined;
    this.#finals[i] = [result[0], result[4]];
    return this.#resetOne(i, undefined);
  }

  #resetOne(i: number, options: ResetOptions | undefined): Promise<void> | undefined {
    const result = this.envs[i].reset(options);
    return Array.isArray(result) ? this.#noteReset(i, result) : result.then((later) => this.#noteReset(i, later));
  }

  #noteReset(i: number, result: ResetResult<unknown>): undefined {
    this.#observations[i] = result[0];
    this.#infos[i] = result[1];
  }

  #resetResult(): VectorResetResult<unknown> {
    return [this.#observationBatch(), this.#infoBatch()];
  }

  #stepResult(): VectorStepResult<unknown> {
    return [
      this.#observationBatch(),
      this.#rewards.slice(),
      this.#terminations.slice(),
      this.#truncations.slice(),
      this.#infoBatch(),
    ];
  }

  #observationBatch(): unknown {
    const missing = this.#observations.indexOf(undefined);
    if (missing >= 0)
      throw new EnvError(`Sub-environment ${missing} was never reset: call reset() without a resetMask`);
    return concatenate(this.singleObservationSpace, this.#observations);
  }

  #infoBatch(): Info {
    const batch: Info = {};
    for (let i = 0; i < this.numEnvs; i++) {
      const final = this.#finals[i];
      if (final !== undefined) {
        addItem(batch, 'finalObservation', final[0], i, this.numEnvs);
        addInfo(batch, { finalInfo: final[1] }, i, this.numEnvs);
        this.#finals[i] = undefined;
      }
      const info = this.#infos[i];
      if (info !== undefined) addInfo(batch, info, i, this.numEnvs);
    }
    return batch;
  }
}

function seedsOf(seed: VectorResetOptions['seed'], numEnvs: number): readonly (number | null)[] {
  if (seed === undefined) return [];
  if (typeof seed === 'number') return Array.from({ length: numEnvs }, (_, i) => seed + i);
  if (seed.length !== numEnvs) {
    throw new RangeError(`seed must be one number, or ${numEnvs} of them, one an environment; got ${seed.length}`);
  }
  return seed;
}

/** A promise that may fail after another environment has failed at once: nobody waits for it then, which must not end the process. */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
