// `gymformer envs`: the environments there are, as a table.

import { Box, type EnvSpec, make, registry, type Space } from '../env/index.ts';
import { closestMatch } from '../env/close-matches.ts';
import '../env/text/index.ts';
import { CliError } from './cli-error.ts';
import { ourCommand } from './our-command.ts';
import { table } from './table.ts';

/** The table of environments whose ids contain `pattern`. Throws a CliError if none does. */
export function listEnvs(pattern = ''): string {
  const specs = [...registry.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const matches = matcher(pattern);
  const found = specs.filter(({ id }) => matches(id));
  if (found.length === 0) {
    const nearest = closestMatch(
      pattern,
      specs.map(({ id }) => id),
    );
    const hint = nearest === undefined ? `; \`${ourCommand()} envs\` lists all` : `. Did you mean ${nearest}?`;
    throw new CliError(`No environment matches '${pattern}'${hint}`);
  }
  const rows = found.map((spec) => {
    const limits = [spec.maxEpisodeSteps ?? '-', spec.rewardThreshold ?? '-'].map(String);
    return [spec.id, ...spacesOf(spec), ...limits];
  });
  return table(['id', 'observations', 'actions', 'max steps', 'solved at'], rows, ['max steps', 'solved at']);
}

/** The spaces of an environment; of one that cannot be made without arguments, that they depend on these. */
function spacesOf(spec: EnvSpec): [observations: string, actions: string] {
  try {
    const { observationSpace, actionSpace } = make(spec);
    return [brief(observationSpace), brief(actionSpace)];
  } catch {
    return ['depend on its arguments', '-'];
  }
}

/** A space in few words: bounds that differ from element to element are left out. */
function brief(space: Space): string {
  const text = String(space);
  return space instanceof Box && text.length > 40 ? `Box([${space.shape.join(', ')}], ${space.dtype})` : text;
}

/** Whether an id contains the pattern, in which `*` stands for anything; upper and lower case are one. */
function matcher(pattern: string): (id: string) => boolean {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  const expression = new RegExp(escaped, 'i');
  return (id) => expression.test(id);
}
