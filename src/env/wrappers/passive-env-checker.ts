import type { ActionOf, Answer, Env, ObservationOf, ResetOptions, ResetResult, StepResult } from '../env.ts';
import { checkAction, checkRenderResult, checkResetResult, checkSpaces, checkStepResult } from '../passive-checks.ts';
import type { EnvSpec } from '../spec.ts';
import { warn } from '../warnings.ts';
import { Wrapper } from '../wrapper.ts';

/**
 * Checks the spaces, and the first `reset`, `step` and `render` of an environment; after that it passes everything through.
 * `make` applies it.
 *
 * What breaks the contract throws {@link InvalidEnv}, a first action of the wrong form {@link InvalidAction}; what is only
 * doubtful, such as an observation outside the space, is a warning. {@link checkEnv} looks closer.
 */
export class PassiveEnvChecker<E extends Env = Env> extends Wrapper<E> {
  #checkedReset = false;
  #checkedStep = false;
  #checkedRender = false;

  constructor(env: E) {
    super(env, {});
    checkSpaces(env);
  }

  override reset(options?: ResetOptions): Answer<E, ResetResult<ObservationOf<E>>> {
    const result: unknown = this.#checkedReset ? this.env.reset(options) : this.#firstReset(options);
    return result as Answer<E, ResetResult<ObservationOf<E>>>;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<ObservationOf<E>>> {
    const result: unknown = this.#checkedStep ? this.env.step(action) : this.#firstStep(action);
    return result as Answer<E, StepResult<ObservationOf<E>>>;
  }

  override render(): unknown {
    const result = this.env.render();
    if (!this.#checkedRender) {
      this.#checkedRender = true;
      checkRenderResult(this.env, result, warn);
    }
    return result;
  }

  protected override addToSpec(inner: EnvSpec): EnvSpec {
    return inner.with({ disableEnvChecker: false });
  }

  #firstReset(options?: ResetOptions): unknown {
    this.#checkedReset = true;
    return whenKnown(this.env.reset(options), (result) => checkResetResult(this.env, result, warn));
  }

  #firstStep(action: ActionOf<E>): unknown {
    this.#checkedStep = true;
    checkAction(this.env, action, warn);
    return whenKnown(this.env.step(action), (result) => checkStepResult(this.env, result, warn));
  }
}

/** Checks a result, or what a promise of one will bring, and hands it on. */
function whenKnown(result: unknown, check: (result: unknown) => void): unknown {
  if (result instanceof Promise) return result.then((later) => whenKnown(later, check));
  check(result);
  return result;
}
