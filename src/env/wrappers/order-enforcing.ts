import type { ActionOf, Answer, Env, ObservationOf, ResetOptions, ResetResult, StepResult } from '../env.ts';
import { ResetNeeded } from '../errors.ts';
import type { EnvSpec } from '../spec.ts';
import { Wrapper } from '../wrapper.ts';

/** Options of {@link OrderEnforcing}. */
export interface OrderEnforcingOptions {
  /** Whether `render` may come before `reset`. Default false. */
  readonly disableRenderOrderEnforcing?: boolean;
}

/** Throws {@link ResetNeeded} when `step` or `render` is called before the first `reset`. `make` applies it. */
export class OrderEnforcing<E extends Env = Env> extends Wrapper<E> {
  #hasReset = false;
  readonly #enforceRender: boolean;

  constructor(env: E, options: OrderEnforcingOptions = {}) {
    super(env, options);
    this.#enforceRender = !(options.disableRenderOrderEnforcing ?? false);
  }

  /** Whether `reset` has been called. */
  get hasReset(): boolean {
    return this.#hasReset;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<ObservationOf<E>>> {
    if (!this.#hasReset) throw new ResetNeeded('Cannot call env.step() before env.reset(): call env.reset() first');
    return this.env.step(action) as Answer<E, StepResult<ObservationOf<E>>>;
  }

  override reset(options?: ResetOptions): Answer<E, ResetResult<ObservationOf<E>>> {
    this.#hasReset = true;
    return this.env.reset(options) as Answer<E, ResetResult<ObservationOf<E>>>;
  }

  protected override saveOwnState(): unknown {
    return this.#hasReset;
  }

  protected override loadOwnState(hasReset: boolean): void {
    this.#hasReset = hasReset;
  }

  override render(): unknown {
    if (this.#enforceRender && !this.#hasReset) {
      throw new ResetNeeded(
        'Cannot call env.render() before env.reset(): call env.reset() first, ' +
          'or wrap with new OrderEnforcing(env, { disableRenderOrderEnforcing: true }) if this is intended',
      );
    }
    return this.env.render();
  }

  protected override addToSpec(inner: EnvSpec): EnvSpec {
    return inner.with({ orderEnforce: true });
  }
}
