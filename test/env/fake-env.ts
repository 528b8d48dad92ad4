import { Env, type MaybePromise, type ResetOptions, type ResetResult, type StepResult } from '../../src/env/env.ts';
import { Box } from '../../src/env/spaces/box.ts';
import { Discrete } from '../../src/env/spaces/discrete.ts';

/** Counts its steps, draws noise, and ends after `length` steps. Reward: the number of the step. */
export class CountingEnv extends Env<Float32Array, number> {
  readonly observationSpace = new Box({ low: 0, high: 1000, shape: [2] });
  readonly actionSpace = new Discrete(3);
  readonly length: number;
  count = 0;
  closed = 0;
  lastAction: number | null = null;

  constructor({ length = Number.POSITIVE_INFINITY }: { readonly length?: number } = {}) {
    super();
    this.length = length;
  }

  override reset(options?: ResetOptions): ResetResult<Float32Array> {
    this.seedFrom(options);
    this.count = 0;
    return [this.observe(), { began: true }];
  }

  override step(action: number): StepResult<Float32Array> {
    this.count++;
    this.lastAction = action;
    return [this.observe(), this.count, this.count >= this.length, false, {}];
  }

  override close(): void {
    this.closed++;
  }

  observe(): Float32Array {
    return Float32Array.of(this.count, this.npRandom.random());
  }
}

/** {@link CountingEnv} behind a server: every answer is a promise. */
export class RemoteEnv extends Env<Float32Array, number> {
  readonly inner: CountingEnv;
  readonly observationSpace;
  readonly actionSpace;
  /** How many steps are under way. */
  static underWay = 0;
  static mostUnderWay = 0;

  constructor(options: { readonly length?: number } = {}) {
    super();
    this.inner = new CountingEnv(options);
    this.observationSpace = this.inner.observationSpace;
    this.actionSpace = this.inner.actionSpace;
  }

  override async reset(options?: ResetOptions): Promise<ResetResult<Float32Array>> {
    this.seedFrom(options);
    await Promise.resolve();
    return this.inner.reset(options);
  }

  override async step(action: number): Promise<StepResult<Float32Array>> {
    RemoteEnv.mostUnderWay = Math.max(RemoteEnv.mostUnderWay, ++RemoteEnv.underWay);
    await new Promise((resolve) => setTimeout(resolve, 1));
    RemoteEnv.underWay--;
    return this.inner.step(action);
  }

  override async close(): Promise<void> {
    await Promise.resolve();
    this.inner.close();
  }
}

/** An environment that a test makes misbehave: `returns` stands for what `step` and `reset` return. */
export class LooseEnv extends Env<unknown, unknown> {
  readonly observationSpace = new Box({ low: 0, high: 1000, shape: [2] });
  readonly actionSpace = new Discrete(3);
  stepReturns: unknown = [new Float32Array(2), 0, false, false, {}];
  resetReturns: unknown = [new Float32Array(2), {}];

  override reset(options?: ResetOptions): MaybePromise<ResetResult<unknown>> {
    this.seedFrom(options);
    return this.resetReturns as ResetResult<unknown>;
  }

  override step(): MaybePromise<StepResult<unknown>> {
    return this.stepReturns as StepResult<unknown>;
  }
}
