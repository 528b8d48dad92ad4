// One of the small runs, as a program: `node --import tiny-run.mjs --eval 0 <name> <run>` makes it, or goes on with it. It is imported, since
// the module of the runs makes all of them where it is the program itself.

import { NAMES, resumable } from '../../test/trainer/resumable-runs.ts';

const [, name, run] = process.argv;
await resumable(name as (typeof NAMES)[number], run!);
