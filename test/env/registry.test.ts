import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { closestMatch } from '../../src/env/close-matches.ts';
import {
  DeprecatedEnv,
  EnvError,
  NameNotFound,
  NamespaceNotFound,
  RegistrationError,
  VersionNotFound,
} from '../../src/env/errors.ts';
import { findSpec, getEnvId, parseEnvId, registry, spec } from '../../src/env/lookup.ts';
import { pprintRegistry, register } from '../../src/env/registry.ts';
import { setWarningHandler, type WarningHandler } from '../../src/env/warnings.ts';
import { CountingEnv } from './fake-env.ts';

const entryPoint = (kwargs: { readonly length?: number }) => new CountingEnv(kwargs);
let warnings: string[];
let previous: WarningHandler;
const ids = ['Plain', 'Maze-v1', 'Maze-v3', 'garden/Rose-v0'];

beforeEach(() => {
  warnings = [];
  previous = setWarningHandler((message) => warnings.push(message));
  for (const id of ids) register({ id, entryPoint });
});

afterEach(() => {
  setWarningHandler(previous);
  for (const id of ids) registry.delete(id);
});

describe('ids', () => {
  test.each([
    ['CartPole-v1', null, 'CartPole', 1],
    ['CartPole', null, 'CartPole', null],
    ['ALE/Pong-v5', 'ALE', 'Pong', 5],
    ['a-b/c.d-e-v12', 'a-b', 'c.d-e', 12],
    ['Name-v', null, 'Name-v', null],
  ])('%s', (id, namespace, name, version) => {
    expect(parseEnvId(id)).toEqual({ namespace, name, version });
    expect(getEnvId(parseEnvId(id))).toBe(id);
  });

  test.each(['', 'Maze v0', 'a/b/c-v0', 'Mäze-v0'])('%j is malformed', (id) => {
    expect(() => parseEnvId(id)).toThrow(/Malformed environment id: .*\[namespace\/\]Name\[-vN\]/);
  });
});

describe('looking up', () => {
  test('the exact id', () => {
    expect(spec('Maze-v3').version).toBe(3);
    expect(warnings).toEqual([]);
  });

  test('no version means the latest, with a warning', () => {
    expect(findSpec('Maze').id).toBe('Maze-v3');
    expect(warnings).toEqual(['Using the latest version Maze-v3 for the unversioned id Maze']);
  });

  test('an outdated version warns', () => {
    expect(findSpec('Maze-v1').id).toBe('Maze-v1');
    expect(warnings[0]).toMatch(/Maze-v1 is out of date.*v3/);
  });

  test('a misspelt name names the nearest', () => {
    expect(() => findSpec('Mase-v3')).toThrow(NameNotFound);
    expect(() => findSpec('Mase-v3')).toThrow("Environment `Mase` doesn't exist. Did you mean: `Maze`?");
    expect(() => findSpec('garden/Rosa-v0')).toThrow(
      "Environment `Rosa` doesn't exist in namespace garden. Did you mean: `Rose`?",
    );
    expect(() => findSpec('Xyzzy-v3')).toThrow(/^Environment `Xyzzy` doesn't exist\.$/);
  });

  test('an unknown namespace', () => {
    expect(() => findSpec('gardn/Rose-v0')).toThrow(NamespaceNotFound);
    expect(() => findSpec('gardn/Rose-v0')).toThrow('Namespace gardn not found. Did you mean: `garden`?');
    expect(() => findSpec('qqq/Rose-v0')).toThrow('Have you imported the package that registers it?');
  });

  test('a version that is too new lists the known ones', () => {
    expect(() => findSpec('Maze-v4')).toThrow(VersionNotFound);
    expect(() => findSpec('Maze-v4')).toThrow('It provides versioned environments: [ `v1`, `v3` ].');
  });

  test('a version that is too old names the latest', () => {
    expect(() => findSpec('Maze-v2')).toThrow(DeprecatedEnv);
    expect(() => findSpec('Maze-v2')).toThrow('is deprecated. Please use `Maze-v3` instead.');
  });

  test('a version of what has none', () => {
    expect(() => findSpec('Plain-v0')).toThrow(DeprecatedEnv);
    expect(() => findSpec('Plain-v0')).toThrow('It provides the default version `Plain`.');
  });
});

describe('register', () => {
  test('names with and without version exclude each other', () => {
    expect(() => register({ id: 'Maze', entryPoint })).toThrow(RegistrationError);
    expect(() => register({ id: 'Plain-v1', entryPoint })).toThrow(RegistrationError);
    expect(registry.has('Maze')).toBe(false);
  });

  test('the same id again warns and replaces', () => {
    register({ id: 'Maze-v3', entryPoint, maxEpisodeSteps: 7 });
    expect(warnings[0]).toMatch(/Overriding environment Maze-v3/);
    expect(spec('Maze-v3').maxEpisodeSteps).toBe(7);
  });

  test('needs an entry point', () => {
    expect(() => register({ id: 'Empty-v0' })).toThrow(/entryPoint/);
    expect(() => register({ id: 'not an id', entryPoint })).toThrow(EnvError);
  });

  test('pprintRegistry groups by namespace', () => {
    const text = pprintRegistry({ print: false, numCols: 2 });
    expect(text).toMatch(/===== built in =====\n/);
    expect(text).toMatch(/===== garden =====\ngarden\/Rose-v0$/m);
    expect(pprintRegistry({ print: false, excludeNamespaces: ['garden'] })).not.toMatch('Rose');
  });
});

// Expected: difflib.get_close_matches(word, candidates, n=1) of Python 3.11.
test.each([
  ['CartPol', ['CartPole', 'Pendulum'], 'CartPole'],
  ['cartpole', ['CartPole', 'Acrobot'], 'CartPole'],
  ['MountainCarContinous', ['MountainCar', 'MountainCarContinuous'], 'MountainCarContinuous'],
  ['Frozen', ['FrozenLake', 'FrozenLake8x8'], 'FrozenLake'],
  ['abc', ['xyz'], undefined],
  ['', [''], undefined],
])('the closest match of %j in %j is %j', (word, candidates, expected) => {
  expect(closestMatch(word, candidates)).toBe(expected);
});
