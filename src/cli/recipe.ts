// Recipes: what a training run is told, as a YAML file. Mistakes are named by line, key, value found and value expected.

import { readFileSync } from 'node:fs';
import { isMap, LineCounter, parseDocument, type Document } from 'yaml';
import { type core, ZodLiteral, type ZodType } from 'zod';
import { closestMatch } from '../env/close-matches.ts';
import { CliError, EXIT_FAILURE, EXIT_USAGE } from './cli-error.ts';
import { ourCommand } from './our-command.ts';
import { applyOverrides, isMapping, type Override } from './overrides.ts';
import { type Recipe, recipeSchema } from './recipe-schema.ts';

/** Mistakes are told by us, and warnings of keys that no recipe has would only add to them. */
const YAML = { prettyErrors: false, logLevel: 'error' } as const;

/** The recipe of a file, with the command line's `--key value` over it. Throws a CliError that lists all mistakes. */
export function readRecipe(path: string, overrides: readonly Override[] = []): Recipe {
  return readRecipeOf(recipeSchema, path, overrides);
}

/** As {@link readRecipe}, of a recipe of another kind. */
export function readRecipeOf<T>(schema: ZodType<T>, path: string, overrides: readonly Override[] = []): T {
  return parseRecipeOf(schema, readText(path), path, overrides);
}

/** The recipe of a YAML text; `path` is its name in messages. */
export function parseRecipe(text: string, path: string, overrides: readonly Override[] = []): Recipe {
  return parseRecipeOf(recipeSchema, text, path, overrides);
}

/** As {@link parseRecipe}, of a recipe of another kind. */
export function parseRecipeOf<T>(
  schema: ZodType<T>,
  text: string,
  path: string,
  overrides: readonly Override[] = [],
): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...YAML, lineCounter: lines });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw new CliError(`${path}:${line}:${col}: not valid YAML: ${problem.message}`);
  }
  const data = valuesOf(document, path);
  if (!isMapping(data)) {
    throw new CliError(
      `${path}: a recipe is a mapping of keys, such as 'env: CartPole-v1', but this is ${shown(data)}`,
    );
  }
  checkKind(schema, data, path);
  return check(schema, data, overrides, (keys) => {
    const line = lineOf(document, lines, keys);
    return line === undefined ? path : `${path}:${line}`;
  });
}

/** Values, without what a hostile file makes of aliases: names without a value, or one value a million times over. */
function valuesOf(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new CliError(`${path}: not a recipe: ${(error as Error).message}`, EXIT_FAILURE, { cause: error });
  }
}

/** The recipe that says nothing but the environment, with the command line's `--key value` over it. */
export function recipeForEnv(env: string, overrides: readonly Override[] = []): Recipe {
  return recipeOf(recipeSchema, { env }, overrides);
}

/** The recipe that says nothing but `data`, with the command line's `--key value` over it. */
export function recipeOf<T>(schema: ZodType<T>, data: object, overrides: readonly Override[] = []): T {
  return check(schema, { ...data }, overrides, () => 'recipe');
}

/** Kinds of recipes, and the commands that run them. A recipe of an agent names no kind. */
const KINDS = {
  agent: { of: 'an agent', command: 'train' },
  sft: { of: 'fine-tuning a language model', command: 'sft' },
  reward: { of: 'a reward model', command: 'reward' },
  dpo: { of: 'improving a language model by preferences', command: 'dpo' },
  reasoning: { of: 'a language model that learns to reason', command: 'train' },
  rlhf: { of: 'a language model that learns from preferences', command: 'train' },
} as const;

/** What a recipe is for. */
export type RecipeKind = keyof typeof KINDS;

/** The kind that a file names. Mistakes are left to the reader of that kind. */
export function kindOfRecipe(path: string): RecipeKind {
  const document = parseDocument(readText(path), YAML);
  const data = document.errors.length > 0 ? undefined : valuesOf(document, path);
  return isMapping(data) && data['kind'] !== undefined ? (data['kind'] as RecipeKind) : 'agent';
}

/** A recipe for another command is told before its keys are. */
function checkKind(schema: ZodType, data: Record<string, unknown>, path: string): void {
  const { kind = data['env'] === undefined ? undefined : 'agent' } = data;
  if (kind === undefined || kind === wantedKind(schema)) return;
  if (typeof kind === 'string' && Object.hasOwn(KINDS, kind)) {
    const { of, command } = KINDS[kind as RecipeKind];
    throw new CliError(`${path} is a recipe for ${of}: run \`${ourCommand()} ${command} ${path}\``);
  }
  const kinds = Object.keys(KINDS)
    .filter((name) => name !== 'agent')
    .map((name) => `'${name}'`)
    .join(', ');
  throw new CliError(
    `${path}: kind is ${shown(kind)}, but must be one of ${kinds}; a recipe for an agent has env instead`,
  );
}

function wantedKind(schema: ZodType): RecipeKind {
  const { kind } = shapeOf(schema) as { readonly kind?: ZodLiteral<RecipeKind> };
  return kind?.value ?? 'agent';
}

type Locate = (keys: readonly PropertyKey[]) => string;

function check<T>(
  schema: ZodType<T>,
  data: Record<string, unknown>,
  overrides: readonly Override[],
  locate: Locate,
): T {
  applyOverrides(data, overrides);
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  let exitCode = EXIT_USAGE;
  const messages = parsed.error.issues.flatMap(meantIssues).flatMap((issue) =>
    brokenKeys(issue).map((keys) => {
      const name = keys.map(String).join('.');
      const override = overrides.find(({ path }) => startsWith(path, keys) || startsWith(keys, path));
      if (override === undefined) exitCode = EXIT_FAILURE;
      else if (override.bare === true && issue.code !== 'unrecognized_keys') {
        return `command line: --${name} has no value; it must be ${issue.message}`;
      }
      const where = override === undefined ? locate(keys) : 'command line';
      return `${where}: ${complaint(schema, issue, keys, name, data, override === undefined ? '' : '--')}`;
    }),
  );
  throw new CliError([...new Set(messages)].join('\n'), exitCode);
}

/** Of several alternatives that a value could have been, the mistakes in the one that it looks like. */
function meantIssues(issue: core.$ZodIssue): core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.find(([first]) => first !== undefined && brokenKeys(first)[0]!.length > 0);
  if (meant === undefined) return [issue];
  return meant.flatMap((inner) => meantIssues({ ...inner, path: [...issue.path, ...inner.path] }));
}

/** The keys an issue is about: one path, or one for each unknown key. */
function brokenKeys(issue: core.$ZodIssue): PropertyKey[][] {
  return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
}

function complaint(
  recipe: ZodType,
  issue: core.$ZodIssue,
  keys: readonly PropertyKey[],
  name: string,
  data: unknown,
  prefix: string,
): string {
  if (issue.code === 'unrecognized_keys') {
    const parent = keys.slice(0, -1).map(String);
    const known = keysAt(recipe, parent, data);
    const nearest = closestMatch(String(keys.at(-1)), known);
    const hint =
      nearest === undefined
        ? `; there are: ${known.join(', ')}`
        : `. Did you mean '${prefix}${[...parent, nearest].join('.')}'?`;
    return `'${prefix}${name}' is not a key of a recipe${hint}`;
  }
  const found = valueAt(data, keys);
  if (found === undefined) return `${name} is missing; it must be ${issue.message}`;
  return `${name} is ${shown(found)}, but must be ${issue.message}`;
}

/** The keys that a recipe may have below `parent`. */
function keysAt(recipe: ZodType, parent: readonly string[], data: unknown): string[] {
  let schema: unknown = recipe;
  parent.forEach((key, depth) => {
    schema = Reflect.get(shapeOf(schema, valueAt(data, parent.slice(0, depth))), key);
  });
  return Object.keys(shapeOf(schema, valueAt(data, parent)));
}

/** The fields of a mapping; where there are several alternatives, of the one whose fixed names, such as `name: ppo`, a value has. */
function shapeOf(schema: unknown, value?: unknown): object {
  const shapes = alternatives(schema);
  const fits = (shape: object): boolean =>
    Object.entries(shape).every(
      ([key, field]) => !(field instanceof ZodLiteral) || field.value === valueAt(value, [key]),
    );
  return shapes.find(fits) ?? shapes[0] ?? {};
}

function alternatives(schema: unknown): object[] {
  const { shape, options, unwrap } = (schema ?? {}) as {
    readonly shape?: object;
    readonly options?: readonly unknown[];
    readonly unwrap?: () => unknown;
  };
  if (shape !== undefined) return [shape];
  if (Array.isArray(options)) return options.flatMap(alternatives);
  return unwrap === undefined ? [] : alternatives(unwrap.call(schema));
}

function valueAt(data: unknown, keys: readonly PropertyKey[]): unknown {
  let value = data;
  for (const key of keys) value = Object(value) === value ? Reflect.get(value as object, key) : undefined;
  return value;
}

/** The line of a key; of the nearest one above it where it is missing. */
function lineOf(document: Document.Parsed, lines: LineCounter, keys: readonly PropertyKey[]): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const key of keys) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => String(item.key) === String(key));
    if (pair === undefined) break;
    offset = (pair.key as { readonly range?: readonly number[] | null }).range?.[0] ?? offset;
    node = pair.value;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

function startsWith(path: readonly PropertyKey[], prefix: readonly PropertyKey[]): boolean {
  return prefix.every((key, i) => path[i] === key);
}

function shown(value: unknown): string {
  // What stands before an @ in an address may be a password.
  if (typeof value === 'string') return `'${value.replace(/(:\/\/)[^/]*@/, '$1…@')}'`;
  if (value === null || value === undefined) return 'empty';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EISDIR: 'it is a folder' };
    const why = reasons[code ?? ''] ?? (error as Error).message;
    throw new CliError(`Cannot read the recipe ${path}: ${why}`, EXIT_FAILURE, { cause: error });
  }
}
