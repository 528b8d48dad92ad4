// What the files of a run tell, row by row.

import { readRows, type Row } from '../tracking/index.ts';

/** Shows each row of a file to `visit`. @throws Error if the file cannot be read */
export async function eachRow(file: string, visit: (row: Row) => void): Promise<void> {
  for (let [from, complete] = [0, false]; !complete; ) {
    const found = await readRows(file, { from });
    if (found.problem !== null) throw new Error(`${file}: ${found.problem}`);
    for (const row of found.rows) visit(row);
    ({ next: from, complete } = found);
  }
}
