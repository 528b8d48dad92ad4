// Property tests draw new cases at every run on a developer's machine, where a counterexample is welcome, and the same cases in
// CI, where a change must not fail for what another one did. FAST_CHECK_SEED repeats a run.

import fc from 'fast-check';

const seed = process.env['FAST_CHECK_SEED'] ?? (process.env['CI'] === undefined ? undefined : '20261122');
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
