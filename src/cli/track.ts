// `gymformer track`: shows a run elsewhere that has been written down already, all of it.

import { parse } from 'yaml';
import { exportRun, listRuns, WandbTracker } from '../tracking/index.ts';
import { CliError, EXIT_FAILURE, EXIT_USAGE } from './cli-error.ts';
import { grouped } from './format.ts';
import { printable } from './printable.ts';
import { trackersFor, trackingSchema } from './tracking-schema.ts';

/** Flags of `gymformer track`. */
export interface TrackFlags {
  readonly to: string;
}

/** Tells trackers of a run, and of those that it is made of. Returns the exit code. */
export async function track(path: string, { to }: TrackFlags): Promise<number> {
  const { data: tracking, error } = trackingSchema.safeParse(readYaml(to));
  if (error !== undefined) {
    throw new CliError(
      `--to is ${to}, but must be tensorboard, wandb or mlflow, a list of them, or such as '{ name: wandb, project: mine }'`,
      EXIT_USAGE,
    );
  }
  const runs = await listRuns(path);
  if (runs.length === 0) throw new CliError(`${path} holds no run`);
  let failed = false;
  for (const run of runs) {
    const trackers = trackersFor(tracking);
    const { rows, problems, failures } = await exportRun(run.path, trackers);
    const counts = Object.entries(rows).map(([name, count]) => `${grouped(count)} ${name}`);
    console.log(printable(`${run.path}: ${counts.join(', ') || 'no rows'}`));
    for (const tracker of trackers) {
      if (tracker instanceof WandbTracker && tracker.syncCommand !== null)
        console.log(printable(`  ${tracker.syncCommand}`));
    }
    for (const problem of [...problems, ...failures]) console.error(printable(`warning: ${problem}`));
    failed ||= failures.length > 0;
  }
  return failed ? EXIT_FAILURE : 0;
}

function readYaml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
