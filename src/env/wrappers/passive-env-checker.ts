import type { Env } from '../env.ts';
import type { EnvSpec } from '../spec.ts';
import { Wrapper } from '../wrapper.ts';

/** Checks the first `reset`, `step` and `render` of an environment, then passes everything through. `make` applies it. */
export class PassiveEnvChecker<E extends Env = Env> extends Wrapper<E> {
  constructor(env: E) {
    super(env, {});
  }

  protected override addToSpec(inner: EnvSpec): EnvSpec {
    return inner.with({ disableEnvChecker: false });
  }
}
