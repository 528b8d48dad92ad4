export type { RunLock } from './lock.ts';
export { type ReadRows, readRows, type ReadRowsOptions, type Row } from './read-rows.ts';
export { type FoundRun, listRuns, readRun, type RunRecord, type RunStatus } from './read-run.ts';
export type { CompletionRow, EpisodeRow, MetricsRow, RunRows } from './rows.ts';
export { defaultRunDirectory, RunDirectory, type RowPositions } from './run-directory.ts';
