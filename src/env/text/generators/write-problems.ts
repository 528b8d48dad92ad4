import { writeFile } from 'node:fs/promises';
import type { Problem } from '../problems.ts';

/** Writes problems as the JSON file that {@link readProblems} and {@link CoTEnv} read, one problem a line. */
export async function writeProblems(path: string, problems: readonly Problem[]): Promise<void> {
  await writeFile(path, `[\n${problems.map((problem) => JSON.stringify(problem)).join(',\n')}\n]\n`);
}
