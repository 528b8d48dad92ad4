// Finding environments and wrappers by their names. Source: gymnasium.envs.registration, Gymnasium 1.x.

import { closestMatch } from './close-matches.ts';
import {
  DeprecatedEnv,
  EnvError,
  NameNotFound,
  NamespaceNotFound,
  UnregisteredEnv,
  VersionNotFound,
} from './errors.ts';
import type { EnvSpec, WrapperConstructor } from './spec.ts';
import { warn } from './warnings.ts';

/** All registered environments, by id. */
export const registry = new Map<string, EnvSpec>();

/** All registered wrappers, by name. */
export const wrapperRegistry = new Map<string, WrapperConstructor>();

const ID = /^(?:(?<namespace>[\w:-]+)\/)?(?<name>[\w:.-]+?)(?:-v(?<version>\d+))?$/;

/** The parts of an id `[namespace/]Name[-vN]`. */
export interface EnvIdParts {
  readonly namespace: string | null;
  readonly name: string;
  readonly version: number | null;
}

/** The parts of an environment's id. Throws if it is not of the form `[namespace/]Name[-vN]`. */
export function parseEnvId(id: string): EnvIdParts {
  const groups = ID.exec(id)?.groups;
  if (groups?.name === undefined) {
    throw new EnvError(
      `Malformed environment id: ${id}. Ids have the form [namespace/]Name[-vN], such as CartPole-v1 or mine/Maze-v0`,
    );
  }
  const version = groups.version === undefined ? null : Number(groups.version);
  return { namespace: groups.namespace ?? null, name: groups.name, version };
}

/** The id that has these parts. */
export function getEnvId({ namespace, name, version }: EnvIdParts): string {
  return `${namespace === null ? '' : `${namespace}/`}${name}${version === null ? '' : `-v${version}`}`;
}

/** The wrapper class that is registered under a name. Throws if there is none. */
export function findWrapper(name: string): WrapperConstructor {
  const wrapper = wrapperRegistry.get(name);
  if (wrapper === undefined) {
    const nearest = closestMatch(name, [...wrapperRegistry.keys()]);
    const hint = nearest === undefined ? '' : ` Did you mean: \`${nearest}\`?`;
    throw new EnvError(`No wrapper \`${name}\` is registered; call registerWrapper(${name}) first.${hint}`);
  }
  return wrapper;
}

/** The specification registered under exactly this id. Throws an error that names the nearest id or the known versions. */
export function spec(id: string): EnvSpec {
  const found = registry.get(id);
  if (found !== undefined) return found;
  const parts = parseEnvId(id);
  checkVersionExists(parts);
  throw new UnregisteredEnv(`No environment is registered under the id ${id}`);
}

/**
 * The specification that an id means: without a version, the latest. Warns about that, and about outdated versions.
 *
 * @throws NamespaceNotFound, NameNotFound, VersionNotFound, DeprecatedEnv
 */
export function findSpec(id: string): EnvSpec {
  const parts = parseEnvId(id);
  const versions = siblingsOf(parts).flatMap(({ version }) => version ?? []);
  const latest = versions.length === 0 ? null : Math.max(...versions);
  if (parts.version === null && latest !== null) {
    const latestId = getEnvId({ ...parts, version: latest });
    warn(`Using the latest version ${latestId} for the unversioned id ${id}`);
    return spec(latestId);
  }
  const found = spec(id);
  if (parts.version !== null && latest !== null && latest > parts.version) {
    warn(`The environment ${id} is out of date. Consider upgrading to version v${latest}`);
  }
  return found;
}

/** The registered environments that differ from this one in version only. */
export function siblingsOf({ namespace, name }: { namespace: string | null; name: string }): EnvSpec[] {
  return [...registry.values()].filter((other) => other.namespace === namespace && other.name === name);
}

function checkVersionExists(parts: EnvIdParts): void {
  const { namespace, version } = parts;
  checkNameExists(parts);
  if (version === null) return;
  const base = getEnvId({ ...parts, version: null });
  const siblings = siblingsOf(parts).sort((a, b) => (a.version ?? -1) - (b.version ?? -1));
  const missing = `Environment version \`v${version}\` for \`${base}\` doesn't exist.`;
  const latest = siblings.at(-1);
  if (latest === undefined) throw new NameNotFound(`Environment \`${base}\` doesn't exist in namespace ${namespace}`);
  if (latest.version === null) throw new DeprecatedEnv(`${missing} It provides the default version \`${latest.id}\`.`);
  if (version > latest.version) {
    const known = siblings.map((other) => `\`v${other.version}\``).join(', ');
    throw new VersionNotFound(`${missing} It provides versioned environments: [ ${known} ].`);
  }
  throw new DeprecatedEnv(
    `Environment version \`v${version}\` for \`${base}\` is deprecated. Please use \`${latest.id}\` instead.`,
  );
}

function checkNameExists({ namespace, name }: EnvIdParts): void {
  const specs = [...registry.values()];
  const namespaces = new Set(specs.flatMap((other) => other.namespace ?? []));
  if (namespace !== null && !namespaces.has(namespace)) {
    const nearest = closestMatch(namespace, [...namespaces]);
    const hint =
      nearest === undefined ? `Have you imported the package that registers it?` : `Did you mean: \`${nearest}\`?`;
    throw new NamespaceNotFound(`Namespace ${namespace} not found. ${hint}`);
  }
  const names = new Set(specs.filter((other) => other.namespace === namespace).map((other) => other.name));
  if (names.has(name)) return;
  const nearest = closestMatch(name, [...names]);
  const where = namespace === null ? '' : ` in namespace ${namespace}`;
  const hint = nearest === undefined ? '' : ` Did you mean: \`${nearest}\`?`;
  throw new NameNotFound(`Environment \`${name}\` doesn't exist${where}.${hint}`);
}
