import type { ActionOf, Answer, Env, ObservationOf, StepResult } from '../env.ts';
import { Wrapper } from '../wrapper.ts';
import { RunningMeanStd, type RunningMeanStdState } from './running-mean-std.ts';

/** Options of {@link NormalizeReward}. */
export interface NormalizeRewardOptions {
  /** The discount of the running return. Default 0.99. */
  readonly gamma?: number;
  /** Added to the variance. Default 1e-8. */
  readonly epsilon?: number;
}

/** How a {@link NormalizeReward} stands; plain data, for checkpoints. */
export interface NormalizeRewardState {
  readonly returnRms: RunningMeanStdState;
  readonly discountedReward: number;
}

/**
 * Divides rewards by the running standard deviation of the discounted return, `r / sqrt(var + epsilon)`, so that returns have
 * about unit scale. The mean is not subtracted: that would change what is optimal.
 *
 * Engstrom et al. 2020, "Implementation Matters in Deep RL" (arXiv 2005.12729), reward scaling. As in Gymnasium, the
 * running return forgets the past at the step that terminates. A reward that is not finite is passed on, but does not count.
 */
export class NormalizeReward<E extends Env = Env> extends Wrapper<E> {
  /** Statistics of the discounted return. */
  readonly returnRms = new RunningMeanStd();
  /** Whether steps update the statistics; set it to false to evaluate. */
  updateRunningMean = true;
  readonly #gamma: number;
  readonly #epsilon: number;
  #discountedReward = 0;

  constructor(env: E, options: NormalizeRewardOptions = {}) {
    super(env, options);
    this.#gamma = options.gamma ?? 0.99;
    this.#epsilon = options.epsilon ?? 1e-8;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<ObservationOf<E>>> {
    const result = this.env.step(action);
    const answer = Array.isArray(result) ? this.#scale(result) : result.then((later) => this.#scale(later));
    return answer as Answer<E, StepResult<ObservationOf<E>>>;
  }

  get state(): NormalizeRewardState {
    return { returnRms: this.returnRms.state, discountedReward: this.#discountedReward };
  }

  set state(state: NormalizeRewardState) {
    this.returnRms.state = state.returnRms;
    this.#discountedReward = state.discountedReward;
  }

  protected override saveOwnState(): unknown {
    return this.state;
  }

  protected override loadOwnState(state: NormalizeRewardState): void {
    this.state = state;
  }

  #scale(result: StepResult<unknown>): StepResult<unknown> {
    const before = this.#discountedReward * this.#gamma * (result[2] ? 0 : 1);
    const now = before + result[1];
    this.#discountedReward = Number.isFinite(now) ? now : before;
    if (this.updateRunningMean) this.returnRms.update([now], 1);
    result[1] /= Math.sqrt(this.returnRms.var[0] + this.#epsilon);
    return result;
  }
}
