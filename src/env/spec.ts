// EnvSpec: everything that is needed to make an environment (again). Source: gymnasium.envs.registration, Gymnasium 1.x.

import type { Env } from './env.ts';
import { EnvError } from './errors.ts';
import { type MakeOptions, make } from './make.ts';
import { findSpec, findWrapper, parseEnvId } from './lookup.ts';
import type { VectorEnv } from './vector/vector-env.ts';

/** Arguments of an environment's constructor, by name. */
export type EnvKwargs = Readonly<Record<string, unknown>>;

/** Builds an environment. It must not return a promise: what takes time belongs into `reset`. */
export type EntryPoint<Kwargs = EnvKwargs> = (kwargs: Kwargs) => Env;

/** Builds a vector environment of `numEnvs` sub-environments. */
export type VectorEntryPoint<Kwargs = EnvKwargs> = (
  kwargs: Kwargs & { readonly numEnvs: number; readonly maxEpisodeSteps?: number | undefined },
) => VectorEnv;

/** A wrapper class whose instances can be made again from their options. */
export type WrapperConstructor = new (env: Env, options: never) => Env;

/** A wrapper and its options. */
export interface WrapperSpec {
  /** The name that the wrapper is registered under, by default its class name. */
  readonly name: string;
  /** The wrapper's options; null if it did not record them, so that it cannot be made again. */
  readonly kwargs: EnvKwargs | null;
  /** The class. Absent in a specification that was read from JSON, where the name is looked up. */
  readonly entryPoint?: WrapperConstructor | undefined;
}

/** The fields of an {@link EnvSpec}, as `register` takes them. */
export interface EnvSpecFields<Kwargs extends object = EnvKwargs> {
  /** `[namespace/]Name[-vN]`, such as `CartPole-v1`. */
  readonly id: string;
  /** Builds one environment from its arguments. */
  readonly entryPoint?: EntryPoint<Kwargs> | undefined;
  /** The return at which the task counts as solved. */
  readonly rewardThreshold?: number | undefined;
  /** Whether the same seed and actions may lead to different episodes. Default false. */
  readonly nondeterministic?: boolean | undefined;
  /** Steps after which an episode is truncated. Default: never. */
  readonly maxEpisodeSteps?: number | undefined;
  /** Whether `step` before `reset` throws. Default true. */
  readonly orderEnforce?: boolean | undefined;
  /** Whether to leave out the checks of the first step and reset. Default false. */
  readonly disableEnvChecker?: boolean | undefined;
  /** Arguments for the entry point; those of `make` come over them. */
  readonly kwargs?: Readonly<Partial<Kwargs>> | undefined;
  /** Wrappers to put around the environment, innermost first; see {@link wrapperSpec}. */
  readonly additionalWrappers?: readonly WrapperSpec[] | undefined;
  /** Builds a native vector environment. */
  readonly vectorEntryPoint?: VectorEntryPoint<Kwargs> | undefined;
}

/** Everything that is needed to make an environment: plain data, but for the two entry points. */
export class EnvSpec {
  readonly id: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly version: number | null;
  readonly entryPoint: EntryPoint | undefined;
  readonly rewardThreshold: number | undefined;
  readonly nondeterministic: boolean;
  readonly maxEpisodeSteps: number | undefined;
  readonly orderEnforce: boolean;
  readonly disableEnvChecker: boolean;
  readonly kwargs: EnvKwargs;
  readonly additionalWrappers: readonly WrapperSpec[];
  readonly vectorEntryPoint: VectorEntryPoint | undefined;

  constructor(fields: EnvSpecFields) {
    const { namespace, name, version } = parseEnvId(fields.id);
    this.id = fields.id;
    this.namespace = namespace;
    this.name = name;
    this.version = version;
    this.entryPoint = fields.entryPoint;
    this.rewardThreshold = fields.rewardThreshold;
    this.nondeterministic = fields.nondeterministic ?? false;
    this.maxEpisodeSteps = fields.maxEpisodeSteps;
    this.orderEnforce = fields.orderEnforce ?? true;
    this.disableEnvChecker = fields.disableEnvChecker ?? false;
    this.kwargs = { ...fields.kwargs };
    this.additionalWrappers = [...(fields.additionalWrappers ?? [])];
    this.vectorEntryPoint = fields.vectorEntryPoint;
  }

  /** A copy with some fields changed. */
  with(changes: Partial<EnvSpecFields>): EnvSpec {
    return new EnvSpec({ ...this, ...changes });
  }

  /** Makes the environment. */
  make(options?: MakeOptions): Env {
    return make(this, options);
  }

  /**
   * The specification as JSON. Code is left out: the environment and its wrappers are named, not written down.
   * Throws if an argument is not JSON data (a function, say), or if a wrapper did not record its options.
   */
  toJson(): string {
    for (const { name, kwargs } of this.additionalWrappers) {
      if (kwargs === null) {
        throw new EnvError(
          `Wrapper ${name} did not record its options: pass them to super(env, options) in its constructor`,
        );
      }
      checkJson(kwargs, `options of wrapper ${name}`);
    }
    checkJson(this.kwargs, `kwargs of ${this.id}`);
    return JSON.stringify({
      id: this.id,
      rewardThreshold: this.rewardThreshold,
      nondeterministic: this.nondeterministic,
      maxEpisodeSteps: this.maxEpisodeSteps,
      orderEnforce: this.orderEnforce,
      disableEnvChecker: this.disableEnvChecker,
      kwargs: this.kwargs,
      additionalWrappers: this.additionalWrappers.map(({ name, kwargs }) => ({ name, kwargs })),
    });
  }

  /**
   * The specification that `toJson` wrote. Entry points are those registered under the same id and the same wrapper
   * names, so nothing from the text is ever run. Throws if the text is not such a specification or names what is not registered.
   */
  static fromJson(json: string): EnvSpec {
    const fields: unknown = JSON.parse(json);
    if (!isSpecFields(fields)) throw new EnvError(`Not the JSON of an EnvSpec: ${json}`);
    const registered = findSpec(fields.id);
    const additionalWrappers = fields.additionalWrappers ?? [];
    for (const wrapper of additionalWrappers) findWrapper(wrapper.name);
    return new EnvSpec({
      ...fields,
      id: registered.id,
      additionalWrappers,
      entryPoint: registered.entryPoint,
      vectorEntryPoint: registered.vectorEntryPoint,
    });
  }

  /** Prints the specification, and returns the text. `printAll` includes fields that have their default value. */
  pprint({ print = true, printAll = false }: { readonly print?: boolean; readonly printAll?: boolean } = {}): string {
    const lines = [`id=${this.id}`];
    const add = (name: string, value: unknown, usual: unknown) => {
      if (printAll || value !== usual) lines.push(`${name}=${value}`);
    };
    add('rewardThreshold', this.rewardThreshold, undefined);
    add('nondeterministic', this.nondeterministic, false);
    add('maxEpisodeSteps', this.maxEpisodeSteps, undefined);
    add('orderEnforce', this.orderEnforce, true);
    add('disableEnvChecker', this.disableEnvChecker, false);
    const wrappers = this.additionalWrappers.map(
      ({ name, kwargs }) => `\n\tname=${name}, kwargs=${JSON.stringify(kwargs)}`,
    );
    if (printAll || wrappers.length > 0) {
      lines.push(`additionalWrappers=[${wrappers.join(',')}${wrappers.length > 0 ? '\n' : ''}]`);
    }
    const text = lines.join('\n');
    if (print) console.log(text);
    return text;
  }
}

/** The specification of a wrapper, for `additionalWrappers`: `wrapperSpec(TimeAwareObservation, { flatten: false })`. */
export function wrapperSpec<Options extends object>(
  entryPoint: new (env: Env, options: Options) => Env,
  kwargs: Options,
): WrapperSpec {
  return { name: entryPoint.name, kwargs: { ...kwargs } as EnvKwargs, entryPoint: entryPoint as WrapperConstructor };
}

function checkJson(value: unknown, where: string): void {
  if (value === null || ['string', 'boolean', 'undefined'].includes(typeof value) || Number.isFinite(value)) return;
  const isPlain =
    typeof value === 'object' && (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype);
  if (!isPlain) throw new EnvError(`The ${where} cannot be written as JSON: ${String(value)} is not plain data`);
  for (const [key, item] of Object.entries(value)) checkJson(item, `${where}.${key}`);
}

function isSpecFields(value: unknown): value is EnvSpecFields {
  if (!isRecord(value) || typeof value.id !== 'string') return false;
  const wrappers = value.additionalWrappers ?? [];
  return (
    ['undefined', 'number'].includes(typeof value.rewardThreshold) &&
    ['undefined', 'number'].includes(typeof value.maxEpisodeSteps) &&
    ['undefined', 'boolean'].includes(typeof value.nondeterministic) &&
    ['undefined', 'boolean'].includes(typeof value.orderEnforce) &&
    ['undefined', 'boolean'].includes(typeof value.disableEnvChecker) &&
    (value.kwargs === undefined || isRecord(value.kwargs)) &&
    Array.isArray(wrappers) &&
    wrappers.every((wrapper) => isRecord(wrapper) && typeof wrapper.name === 'string' && isRecord(wrapper.kwargs))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
