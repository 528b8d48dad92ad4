// The Python original's callback: one call for each step of each environment.

import type { CallbackAnswer, StepCallback, StepEvent } from './callbacks.ts';
import { stopReason } from './callbacks.ts';

/** Takes the steps of a vector environment apart. */
export class StepCallbacks {
  readonly #callback: StepCallback;
  readonly #numEnvs: number;
  readonly #resetsInOwnStep: boolean;
  /** Environments whose next step only resets them: nothing to tell. */
  readonly #resetting: Uint8Array;

  constructor(callback: StepCallback, numEnvs: number, resetsInOwnStep: boolean) {
    this.#callback = callback;
    this.#numEnvs = numEnvs;
    this.#resetsInOwnStep = resetsInOwnStep;
    this.#resetting = new Uint8Array(numEnvs);
  }

  /** Calls for each environment. Returns the first answer that ends the run. */
  call(step: StepEvent, episode: number, runningReward: number): CallbackAnswer {
    const { observations, actions, rewards, terminated, truncated } = step;
    const size = observations.length / this.#numEnvs;
    const actionSize = actions.length / this.#numEnvs;
    const isNumber = actions instanceof Int32Array && actionSize === 1;
    let stop: CallbackAnswer;
    for (let i = 0; i < this.#numEnvs; i++) {
      if (this.#resetting[i]) {
        this.#resetting[i] = 0;
        continue;
      }
      const done = terminated[i] === 1;
      const cutOff = truncated[i] === 1;
      if (this.#resetsInOwnStep && (done || cutOff)) this.#resetting[i] = 1;
      const answer = this.#callback(
        observations.subarray(i * size, (i + 1) * size),
        isNumber ? actions[i]! : actions.subarray(i * actionSize, (i + 1) * actionSize),
        rewards[i]!,
        done,
        cutOff,
        episode,
        runningReward,
      );
      if (stop === undefined && stopReason(answer, 'callback') !== undefined) stop = answer;
    }
    return stop;
  }
}
