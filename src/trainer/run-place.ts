// Where a run writes: its directory and its checkpoints, put in order when it begins or goes on.

import { RunDirectory } from '../tracking/index.ts';
import { nameAfterTidying, tidyFolder } from './atomic-directory.ts';
import { KeptCheckpoints } from './kept-checkpoints.ts';
import type { Resumed } from './resume.ts';
import type { RunState } from './run-state.ts';

/** What it takes to open one. */
export interface RunPlaceOptions {
  /** Null for none. */
  readonly runDirectory: string | null;
  /** Where checkpoints go. Default: `checkpoints/` of the directory, or `models/` without one. */
  readonly savePath: string | undefined;
  readonly keepCheckpoints: number | null | undefined;
  readonly resumed: Resumed;
  /** Where the run stood that goes on; undefined for one that begins. */
  readonly before: Pick<RunState, 'rows' | 'checkpoints'> | undefined;
}

/** Where a run writes. */
export interface RunPlace {
  readonly directory: RunDirectory | null;
  /** The folder of checkpoints. */
  readonly savePath: string;
  readonly kept: KeptCheckpoints;
  /** The checkpoint that the run goes on from; empty for none. */
  readonly checkpoint: string;
}

/** Creates or takes the directory, cuts off rows that are written again, and removes what a killed process left half done. */
export function openRunPlace(options: RunPlaceOptions): RunPlace {
  const { runDirectory, keepCheckpoints, resumed, before } = options;
  const { continues, checkpoint = '' } = resumed;
  const directory =
    runDirectory === null ? null : new RunDirectory(runDirectory, { continues, rows: before?.rows ?? {} });
  const savePath = options.savePath ?? directory?.checkpoints ?? 'models';
  if (continues) tidyFolder(savePath);
  const kept = new KeptCheckpoints(savePath, keepCheckpoints, continues ? before?.checkpoints : []);
  kept.tidy();
  return {
    directory,
    savePath,
    kept,
    checkpoint: continues && checkpoint !== '' ? nameAfterTidying(checkpoint) : checkpoint,
  };
}
