// One of the small runs, as a program: `tiny-run.ts <name> <run>` makes it, or goes on with it.

import { NAMES, resumable } from '../../test/trainer/resumable-runs.ts';

const [, , name, run] = process.argv;
await resumable(name as (typeof NAMES)[number], run!);
