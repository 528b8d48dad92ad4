// Which environments and wrappers there are. Source: gymnasium.envs.registration, Gymnasium 1.x.

import { RegistrationError } from './errors.ts';
import { registry, siblingsOf, wrapperRegistry } from './lookup.ts';
import { type EnvKwargs, EnvSpec, type EnvSpecFields, type WrapperConstructor } from './spec.ts';
import { warn } from './warnings.ts';

/**
 * Makes an environment known to `make` under an id.
 *
 * @example register({ id: 'mine/Maze-v0', entryPoint: (kwargs) => new MazeEnv(kwargs), maxEpisodeSteps: 100 });
 *
 * @throws RegistrationError when the name exists both with and without versions.
 */
export function register<Kwargs extends object = EnvKwargs>(fields: EnvSpecFields<Kwargs>): void {
  // The entry points are called with the kwargs of `register` and `make`, which is where their types are the caller's affair.
  const spec = new EnvSpec(fields as unknown as EnvSpecFields);
  if (spec.entryPoint === undefined && spec.vectorEntryPoint === undefined) {
    throw new RegistrationError(`${spec.id}: pass an entryPoint, a vectorEntryPoint, or both`);
  }
  const siblings = siblingsOf(spec);
  const clash = siblings.find((other) => (other.version === null) !== (spec.version === null));
  if (clash !== undefined) {
    throw new RegistrationError(
      spec.version === null
        ? `Can't register the unversioned environment ${spec.id} when the versioned environment ${clash.id} exists: ` +
            'the unversioned id already stands for the latest version'
        : `Can't register the versioned environment ${spec.id} when the unversioned environment ${clash.id} exists`,
    );
  }
  if (registry.has(spec.id)) warn(`Overriding environment ${spec.id}, which is already in the registry`);
  registry.set(spec.id, spec);
}

/** Makes a wrapper known by name to `EnvSpec.fromJson`. Its constructor takes `(env, options)`. The built-in wrappers are known. */
export function registerWrapper(wrapper: WrapperConstructor, name: string = wrapper.name): void {
  wrapperRegistry.set(name, wrapper);
}

/** Options of {@link pprintRegistry}. */
export interface PprintRegistryOptions {
  /** Ids a line. Default 3. */
  readonly numCols?: number;
  /** Namespaces to leave out. */
  readonly excludeNamespaces?: readonly string[];
  /** Whether to print, besides returning the text. Default true. */
  readonly print?: boolean;
}

/** Prints all registered ids by namespace, and returns the text. */
export function pprintRegistry({
  numCols = 3,
  excludeNamespaces = [],
  print = true,
}: PprintRegistryOptions = {}): string {
  const byNamespace = new Map<string, string[]>();
  for (const { namespace, id } of registry.values()) {
    const heading = namespace ?? 'built in';
    byNamespace.set(heading, [...(byNamespace.get(heading) ?? []), id]);
  }
  const width = Math.max(0, ...[...registry.keys()].map((id) => id.length));
  const blocks: string[] = [];
  for (const [namespace, ids] of byNamespace) {
    if (excludeNamespaces.includes(namespace)) continue;
    blocks.push(`===== ${namespace} =====`);
    const cells = ids.sort().map((id) => id.padEnd(width));
    for (let i = 0; i < cells.length; i += numCols)
      blocks.push(
        cells
          .slice(i, i + numCols)
          .join(' ')
          .trimEnd(),
      );
  }
  const text = blocks.join('\n');
  if (print) console.log(text);
  return text;
}
