// Runs that differ by nothing but their seed are one group, of which a mean is drawn.

import { basename, dirname } from 'node:path';
import type { DrawnRun } from './run-data.ts';

/** Runs of one configuration, each with a seed of its own. */
export interface RunGroup {
  /** What tells it from the other groups. */
  readonly label: string;
  readonly runs: readonly DrawnRun[];
}

/** Keys, at any depth, that say nothing of what is learned: seeds, what follows from them, places and times. */
const IRRELEVANT = new Set([
  'seed',
  'createdAt',
  'runDirectory',
  'savePath',
  'rewardModelPath',
  'resume',
  'resumeCheckpoint',
  'reference',
  'node',
  'platform',
  // Of tokenizers that are trained on what a seed has drawn.
  'vocab_size',
  'bos_token_id',
  'eos_token_id',
  'pad_token_id',
]);

/** Groups in the order of their first runs. */
export function groupRuns(runs: readonly DrawnRun[]): RunGroup[] {
  const groups = new Map<string, { readonly facts: ReadonlyMap<string, string>; readonly runs: DrawnRun[] }>();
  for (const run of runs) {
    const facts = factsOf(run);
    // A run whose configuration cannot be read is alone.
    const key = facts.size === 0 ? run.path : JSON.stringify([...facts].sort());
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { facts, runs: [run] });
    else group.runs.push(run);
  }
  const all = [...groups.values()];
  const labels = labelsOf(all.map(({ facts }) => facts));
  return all.map((group, i) => ({ label: labels?.[i] || namesOf(group.runs), runs: group.runs }));
}

/** What a run learns, for a title: an environment, or what is done with a dataset. */
export function subjectOf({ config, name }: DrawnRun): string {
  const { env, kind, dataset } = config as { env?: { name?: unknown }; kind?: unknown; dataset?: unknown };
  if (typeof env?.name === 'string') return env.name;
  const titles: Readonly<Record<string, string>> = { sft: 'Fine-tuning', reward: 'Reward model', dpo: 'DPO' };
  const title = typeof kind === 'string' ? (titles[kind] ?? kind) : basename(name);
  return typeof dataset === 'string' && !dataset.includes('in memory') ? `${title} on ${basename(dataset)}` : title;
}

/** Whether its steps are tokens that a language model writes. */
export function writesTexts({ config }: DrawnRun): boolean {
  return 'model' in config;
}

/** A configuration's entries by their paths, without what does not matter. */
function factsOf({ config, path }: DrawnRun): Map<string, string> {
  const facts = new Map<string, string>();
  // Files that a recipe has made lie in the recipe's own directory, which has another name for each seed.
  const home = `${dirname(path)}/`;
  const visit = (value: unknown, at: string): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) {
        if (!IRRELEVANT.has(key)) visit(inner, at === '' ? key : `${at}.${key}`);
      }
    } else if (value !== undefined && value !== null) {
      facts.set(at, typeof value === 'string' ? value.replace(home, '') : JSON.stringify(value));
    }
  };
  visit(config, '');
  return facts;
}

/** The entries that are not the same for all, such as `lrActor 0.0003`; undefined if too many are to be read. */
function labelsOf(all: readonly ReadonlyMap<string, string>[]): string[] | undefined {
  const names = [...new Set(all.flatMap((facts) => [...facts.keys()]))];
  const telling = names.filter((name) => new Set(all.map((facts) => facts.get(name))).size > 1);
  // A run says again what its recipe says.
  const own = telling.filter((name) => !name.startsWith('recipe.'));
  if (own.length > 3) return undefined;
  const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
  const short = (name: string): string =>
    own.filter((other) => last(other) === last(name)).length > 1 ? name : last(name);
  return all.map((facts) =>
    own
      .filter((name) => facts.has(name))
      .map((name) => (/^(?:name|kind|id)$/.test(last(name)) ? facts.get(name)! : `${short(name)} ${facts.get(name)}`))
      .join(', '),
  );
}

function namesOf(runs: readonly DrawnRun[]): string {
  const [first] = runs;
  const own = basename(first!.path);
  // `rl` and `sft` are parts of a recipe's run, whose name says more.
  const name = /^(?:rl|sft|reward|dpo)$/.test(own) ? `${basename(dirname(first!.path))}/${own}` : own;
  return runs.length === 1 ? name : `${name} and ${runs.length - 1} more`;
}
