// Making environments from their ids. Source: gymnasium.make and gymnasium.make_vec, Gymnasium 1.x.

import { Env } from './env.ts';
import type { EnvTypeOf, EnvTypes, Made } from './env-types.ts';
import { EnvError, InvalidEnv, UnsupportedMode } from './errors.ts';
import { findSpec, findWrapper } from './lookup.ts';
import type { EnvSpec } from './spec.ts';
import { OrderEnforcing } from './wrappers/order-enforcing.ts';
import { PassiveEnvChecker } from './wrappers/passive-env-checker.ts';
import { RenderCollection } from './wrappers/render-collection.ts';
import { TimeLimit } from './wrappers/time-limit.ts';

/** Options of {@link make}. All others are arguments of the environment; they come over those it was registered with. */
export interface MakeOptions {
  /** Steps after which an episode is truncated; -1 for never. Default: as registered. */
  readonly maxEpisodeSteps?: number | undefined;
  /** Whether to leave out {@link PassiveEnvChecker}. Default: as registered, which by default is false. */
  readonly disableEnvChecker?: boolean | undefined;
  /**
   * How `render` draws: one of the environment's `metadata.renderModes`; with `_list` behind it, such as `rgb_array_list`, in a
   * {@link RenderCollection}.
   */
  readonly renderMode?: string | undefined;
  readonly [argument: string]: unknown;
}

/**
 * Makes an environment: by an id such as `CartPole-v1`, or by a specification.
 *
 * It comes in the wrappers {@link PassiveEnvChecker}, {@link OrderEnforcing} and {@link TimeLimit} (if it has a limit),
 * then those of its `additionalWrappers`. The type follows from the id through {@link EnvTypes}, or is given: `make<MazeEnv>('mine/Maze-v0')`.
 *
 * @throws NameNotFound, VersionNotFound and their like for unknown ids, with the nearest known one
 * @throws UnsupportedMode when the environment does not know the render mode
 */
export function make<Id extends keyof EnvTypes>(id: Id, options?: MakeOptions): Made<EnvTypeOf<Id>>;
export function make<E extends Env = Env>(id: string | EnvSpec, options?: MakeOptions): Made<E>;
export function make(id: string | EnvSpec, options: MakeOptions = {}): Env {
  const spec = typeof id === 'string' ? findSpec(id) : id;
  const {
    maxEpisodeSteps = spec.maxEpisodeSteps ?? -1,
    disableEnvChecker = spec.disableEnvChecker,
    ...given
  } = options;
  // Of an environment that draws pictures, RenderCollection makes lists of them.
  const collects = given.renderMode?.endsWith('_list') ?? false;
  const renderMode = collects ? given.renderMode?.slice(0, -'_list'.length) : given.renderMode;
  const kwargs = { ...spec.kwargs, ...given, ...(collects ? { renderMode } : {}) };
  if (spec.entryPoint === undefined) throw new EnvError(`${spec.id} is registered without an entryPoint: use makeVec`);
  let env: Env = spec.entryPoint(kwargs);
  if (!(env instanceof Env)) {
    throw new InvalidEnv(`The entryPoint of ${spec.id} must return an Env and no promise, but returned ${String(env)}`);
  }
  if (renderMode !== undefined && !env.metadata.renderModes.includes(renderMode)) {
    const modes = env.metadata.renderModes.map((mode) => `'${mode}'`).join(', ');
    throw new UnsupportedMode(`${spec.id} has no render mode '${renderMode}'; its metadata.renderModes are [${modes}]`);
  }
  env.unwrapped.spec = spec.with({
    kwargs,
    maxEpisodeSteps: undefined,
    orderEnforce: false,
    disableEnvChecker: true,
    additionalWrappers: [],
  });
  // The entry point may itself have put wrappers around the environment; those are not applied twice.
  const applied = env.spec?.additionalWrappers.length ?? 0;
  if (!disableEnvChecker) env = new PassiveEnvChecker(env);
  if (spec.orderEnforce) env = new OrderEnforcing(env);
  if (maxEpisodeSteps !== -1) env = new TimeLimit(env, { maxEpisodeSteps });
  for (const { name, kwargs: wrapperKwargs, entryPoint } of spec.additionalWrappers.slice(applied)) {
    if (wrapperKwargs === null) {
      throw new EnvError(
        `Wrapper ${name} did not record its options: pass them to super(env, options) in its constructor`,
      );
    }
    const WrapperClass = entryPoint ?? findWrapper(name);
    env = new WrapperClass(env, wrapperKwargs as never);
  }
  return collects ? new RenderCollection(env) : env;
}
