// Environments whose right answers are known.

import {
  Box,
  Discrete,
  Env,
  MultiBinary,
  MultiDiscrete,
  type ResetOptions,
  type ResetResult,
  type Space,
  type StepResult,
} from '../../src/env/index.ts';

/**
 * The right action is the observation, drawn afresh at every step. Reward: 1 for each element that is right (Discrete,
 * MultiDiscrete, MultiBinary), or minus the squared distance (Box). Its worst, best and random rewards are thus known.
 * After stable_baselines3.common.envs.IdentityEnv.
 */
export class IdentityEnv extends Env<unknown, unknown> {
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly #length: number;
  #target: unknown;
  #steps = 0;

  constructor(space: Space, { length = 32 }: { readonly length?: number } = {}) {
    super();
    this.observationSpace = space;
    this.actionSpace = space;
    this.#length = length;
  }

  override reset(options?: ResetOptions): ResetResult<unknown> {
    this.seedFrom(options);
    this.#steps = 0;
    return [this.#draw(), {}];
  }

  override step(action: unknown): StepResult<unknown> {
    const reward = this.#reward(action);
    return [this.#draw(), reward, ++this.#steps >= this.#length, false, {}];
  }

  #draw(): unknown {
    const space = this.observationSpace;
    const random = this.npRandom;
    const integer = (count: number): number => Math.floor(random.random() * count);
    if (space instanceof Discrete) this.#target = space.start + integer(space.n);
    else if (space instanceof MultiDiscrete)
      this.#target = space.nvec.map((count, i) => space.start[i]! + integer(count));
    else if (space instanceof MultiBinary) {
      this.#target = Int8Array.from({ length: space.shape[0]! }, () => integer(2));
    } else if (space instanceof Box) {
      this.#target = Float32Array.from(space.low, (low, i) => random.uniform(low, space.high[i]!));
    }
    return this.#target;
  }

  #reward(action: unknown): number {
    const target = this.#target as number | ArrayLike<number>;
    if (typeof target === 'number') return action === target ? 1 : 0;
    const given = action as ArrayLike<number>;
    const distance = Array.from(target, (x, i) => (x - given[i]!) ** 2).reduce((sum, x) => sum + x, 0);
    return this.observationSpace instanceof Box ? -distance : target.length - distance;
  }
}

/** What a {@link ScriptedEnv} does. */
export interface Script {
  readonly actionSpace?: Space;
  readonly observationSpace?: Space;
  /** What to observe, from the number of the episode and of the step in it. Default: both, and noise, in a Box. */
  readonly observe?: (episode: number, step: number) => unknown;
  /** How long each episode is, the first again after the last. Default: 1 to 5 steps, drawn. */
  readonly lengths?: readonly number[];
  /** Which episodes are truncated rather than terminated. Default: every other. */
  readonly truncates?: (episode: number) => boolean;
  /** Default: noise. */
  readonly reward?: (episode: number, step: number) => number;
}

/** Goes its own way whatever is done, and writes down what was done. */
export class ScriptedEnv extends Env<unknown, unknown> {
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly actions: unknown[] = [];
  readonly #script: Script;
  #episode = -1;
  #step = 0;
  #length = 0;

  constructor(script: Script = {}) {
    super();
    this.#script = script;
    this.observationSpace = script.observationSpace ?? new Box({ low: -Infinity, high: Infinity, shape: [3] });
    this.actionSpace = script.actionSpace ?? new Discrete(1);
  }

  override reset(options?: ResetOptions): ResetResult<unknown> {
    this.seedFrom(options);
    const { lengths } = this.#script;
    this.#episode++;
    this.#step = 0;
    this.#length = lengths?.[this.#episode % lengths.length] ?? 1 + Math.floor(5 * this.npRandom.random());
    return [this.#observe(), {}];
  }

  override step(action: unknown): StepResult<unknown> {
    this.actions.push(action);
    this.#step++;
    const ends = this.#step >= this.#length;
    const truncates = ends && (this.#script.truncates?.(this.#episode) ?? this.#episode % 2 === 1);
    const reward = this.#script.reward?.(this.#episode, this.#step) ?? this.npRandom.standardNormal();
    return [this.#observe(), reward, ends && !truncates, truncates, {}];
  }

  #observe(): unknown {
    const { observe } = this.#script;
    return observe?.(this.#episode, this.#step) ?? Float32Array.of(this.#episode, this.#step, this.npRandom.random());
  }
}

/** A {@link ScriptedEnv} far away: every answer is a promise. */
export class RemoteScriptedEnv extends Env<unknown, unknown> {
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly #inner: ScriptedEnv;

  constructor(script: Script = {}) {
    super();
    this.#inner = new ScriptedEnv(script);
    this.observationSpace = this.#inner.observationSpace;
    this.actionSpace = this.#inner.actionSpace;
  }

  override async reset(options?: ResetOptions): Promise<ResetResult<unknown>> {
    await Promise.resolve();
    return this.#inner.reset(options);
  }

  override async step(action: unknown): Promise<StepResult<unknown>> {
    await Promise.resolve();
    return this.#inner.step(action);
  }
}
