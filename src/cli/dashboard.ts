// `gymformer dashboard`, and `gymformer train --dashboard`.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse } from 'yaml';
import { serveDashboard } from '../dashboard/index.ts';
import { CliError, EXIT_USAGE } from './cli-error.ts';
import { applyOverrides, parseOverrides } from './overrides.ts';

/** Flags of `gymformer dashboard`. */
export interface DashboardFlags {
  readonly port?: string | undefined;
  readonly host?: string | undefined;
  /** Serves for the process that started this one: tells it the address, and ends when it does. */
  readonly beside?: boolean | undefined;
}

/** Serves the runs of a folder until Ctrl-C. */
export async function dashboard(folder: string, { port, host, beside }: DashboardFlags): Promise<void> {
  if (port !== undefined && !(/^\d+$/.test(port) && Number(port) <= 65_535)) {
    throw new CliError(`--port is '${port}', but must be a whole number from 0 to 65535`, EXIT_USAGE);
  }
  if (existsSync(folder) && !statSync(folder).isDirectory()) {
    throw new CliError(`${folder} is a file: give the folder that your runs are in`);
  }
  const served = await serveDashboard({ folder, host, port: port === undefined ? undefined : Number(port) });
  const ended = Promise.race([
    once(process, 'SIGINT'),
    once(process, 'SIGTERM'),
    ...(beside ? [once(process, 'disconnect')] : []),
  ]);
  if (beside) process.send!(served.url);
  else {
    console.log(`Dashboard of ${folder}: ${served.url}\nCtrl-C ends it.`);
    if (!existsSync(folder)) console.log(`There is no ${folder} yet: runs show up when there are some.`);
    if (host !== undefined && served.url.includes('?token=')) {
      console.log('Whoever has this address, with its token, can see these runs. The connection is not encrypted.');
    }
  }
  await ended;
  await served.close();
}

/** The folder in which a training command will put its run: what its flags or its recipe say, or `runs`. */
export function folderOfRun(recipe: string | null, words: readonly string[]): string {
  const inRecipe = recipe === null ? null : (parse(readFileSync(recipe, 'utf8')) as { runDirectory?: unknown } | null);
  const data: Record<string, unknown> = { runDirectory: inRecipe?.runDirectory };
  applyOverrides(
    data,
    parseOverrides(words).filter(({ path }) => path[0] === 'runDirectory'),
  );
  const { runDirectory } = data;
  if (typeof runDirectory !== 'string') return 'runs';
  // Where a run lies in the working directory, all that lies there is not looked through.
  return dirname(runDirectory) === '.' ? runDirectory : dirname(runDirectory);
}

/**
 * Serves the runs of a folder from a process of its own, so that training does not hold it up. It ends with this process.
 *
 * @param tell receives a line with the address, or one that says why there is none: training goes on without
 */
export async function dashboardBeside(folder: string, tell: (line: string) => void): Promise<void> {
  const child = fork(process.argv[1]!, ['dashboard', folder, '--beside'], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let complaint = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const url = await Promise.race([
    once(child, 'message').then(([message]) => String(message)),
    once(child, 'exit').then(() => null),
  ]);
  tell(url === null ? `There is no dashboard: ${complaint.trim()}` : `Dashboard: ${url}`);
  // It must not keep this process alive, nor outlive it: when this one ends, their channel closes.
  child.unref();
  child.channel?.unref();
  (child.stderr as unknown as { unref(): void }).unref();
}
