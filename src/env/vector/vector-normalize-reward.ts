import type { NormalizeRewardOptions } from '../wrappers/normalize-reward.ts';
import { RunningMeanStd, type RunningMeanStdState } from '../wrappers/running-mean-std.ts';
import {
  type ActionsOf,
  checkMask,
  type ObservationsOf,
  type VectorAnswer,
  type VectorEnv,
  type VectorResetOptions,
  type VectorResetResult,
  type VectorStepResult,
} from './vector-env.ts';
import { VectorWrapper } from './vector-wrapper.ts';

/** How a {@link VectorNormalizeReward} stands; plain data, for checkpoints. */
export interface VectorNormalizeRewardState {
  readonly returnRms: RunningMeanStdState;
  readonly accumulatedReward: readonly number[];
  readonly ended: readonly number[];
}

/**
 * {@link NormalizeReward} for vector environments: one variance over the discounted returns of all.
 *
 * Steps that only reset (autoreset mode `next-step`) do not enter the statistics, nor do rewards that are not finite.
 */
export class VectorNormalizeReward<V extends VectorEnv = VectorEnv> extends VectorWrapper<V> {
  /** Statistics of the discounted returns. */
  readonly returnRms = new RunningMeanStd({ batchDtype: 'float32' });
  /** Whether steps update the statistics; set it to false to evaluate. */
  updateRunningMean = true;
  readonly #gamma: number;
  readonly #epsilon: number;
  // float32, as in Gymnasium.
  readonly #accumulated: Float32Array;
  readonly #ended: Uint8Array;

  constructor(env: V, options: NormalizeRewardOptions = {}) {
    super(env);
    this.#gamma = options.gamma ?? 0.99;
    this.#epsilon = options.epsilon ?? 1e-8;
    this.#accumulated = new Float32Array(env.numEnvs);
    this.#ended = new Uint8Array(env.numEnvs);
  }

  override reset(options?: VectorResetOptions): VectorAnswer<V, VectorResetResult<ObservationsOf<V>>> {
    const mask = options?.options?.resetMask;
    if (mask !== undefined) checkMask(mask, this.numEnvs);
    for (let i = 0; i < this.numEnvs; i++) {
      if (mask !== undefined && !mask[i]) continue;
      this.#accumulated[i] = 0;
      this.#ended[i] = 0;
    }
    return super.reset(options);
  }

  override step(actions: ActionsOf<V>): VectorAnswer<V, VectorStepResult<ObservationsOf<V>>> {
    const result = this.env.step(actions);
    const answer = Array.isArray(result) ? this.#scale(result) : result.then((later) => this.#scale(later));
    return answer as VectorAnswer<V, VectorStepResult<ObservationsOf<V>>>;
  }

  get state(): VectorNormalizeRewardState {
    return { returnRms: this.returnRms.state, accumulatedReward: [...this.#accumulated], ended: [...this.#ended] };
  }

  set state(state: VectorNormalizeRewardState) {
    if (state.accumulatedReward.length !== this.numEnvs) {
      throw new RangeError(`State of ${state.accumulatedReward.length} environments does not fit ${this.numEnvs}`);
    }
    this.returnRms.state = state.returnRms;
    this.#accumulated.set(state.accumulatedReward);
    this.#ended.set(state.ended);
  }

  protected override saveOwnState(): unknown {
    return this.state;
  }

  protected override loadOwnState(state: VectorNormalizeRewardState): void {
    this.state = state;
  }

  #scale(result: VectorStepResult<unknown>): VectorStepResult<unknown> {
    const [, rewards, terminations, truncations] = result;
    const resetsInOwnStep = this.metadata.autoresetMode !== 'same-step';
    const gamma = Math.fround(this.#gamma);
    const active: number[] = [];
    for (let i = 0; i < this.numEnvs; i++) {
      if (!this.#ended[i] || !resetsInOwnStep) {
        const discounted = Math.fround(this.#accumulated[i] * gamma) * (1 - terminations[i]);
        const now = Math.fround(discounted + rewards[i]);
        this.#accumulated[i] = Number.isFinite(now) ? now : discounted;
        active.push(now);
      }
      this.#ended[i] = terminations[i] | truncations[i];
    }
    if (this.updateRunningMean) this.returnRms.update(active, active.length);
    const std = Math.sqrt(this.returnRms.var[0] + this.#epsilon);
    result[1] = rewards.map((reward) => reward / std);
    return result;
  }
}
