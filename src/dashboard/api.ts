// What the server and the page say to each other: types alone, which both import.

/** As in tracking/. */
type RunStatus = 'running' | 'finished' | 'failed' | 'interrupted';

/** The files of a run that charts are drawn from. */
export type RowFile = 'metrics' | 'episodes';

/** A run, as the list shows it. */
export interface RunSummary {
  /** Where it is in the folder, with `/` between; '' for the folder itself. */
  readonly id: string;
  readonly name: string;
  readonly status: RunStatus;
  /** ISO 8601. */
  readonly createdAt: string | null;
  /** What it trains on, and how: `CartPole-v1`, `ppo`. */
  readonly subject: string | null;
  readonly algorithm: string | null;
  readonly seed: number | null;
  /** Runs with the same group differ only by their seeds. */
  readonly group: string;
  /** How much of it is over, 0 to 1; null if nobody knows. */
  readonly progress: number | null;
  /** The number that says how well it does now. */
  readonly latest: { readonly name: string; readonly value: number } | null;
  /** How long it has been running, in its own account. */
  readonly seconds: number | null;
  /** Bytes of the files of rows, so that a page knows when there is more. */
  readonly bytes: { readonly metrics: number; readonly episodes: number; readonly completions: number };
  readonly replays: number;
  readonly media: number;
  /** What could not be read, and why. */
  readonly problems: readonly string[];
}

/** GET /api/runs, and the event `runs`. */
export interface RunList {
  /** The folder's path, to be shown. */
  readonly folder: string;
  readonly runs: readonly RunSummary[];
}

/** The event `rows`: a file has more rows than it had. */
export interface RowsEvent {
  readonly run: string;
  readonly file: RowFile | 'completions';
}

/** GET /api/run?id=: everything said about a run besides its rows. */
export interface RunDetail {
  readonly id: string;
  readonly path: string;
  readonly config: Readonly<Record<string, unknown>> | null;
  readonly summary: Readonly<Record<string, unknown>> | null;
  readonly replays: readonly FileEntry[];
  readonly media: readonly FileEntry[];
  readonly problems: readonly string[];
}

export interface FileEntry {
  readonly name: string;
  readonly bytes: number;
}

/** GET /api/columns?run=&run=: which numbers there are to draw. */
export interface Columns {
  readonly runs: readonly RunColumns[];
}

/** A file of rows that was asked for, as far as it was read. */
interface RunColumns {
  readonly run: string;
  readonly file: RowFile;
  readonly names: readonly string[];
  readonly rows: number;
  /** How much of the file was read, 0 to 1. */
  readonly read: number;
  readonly problem: string | null;
}

/**
 * The head of what GET /api/series?file=&x=&y=&run=&run=&pixels=[&from=&to=][&low=&high=] answers. Behind it, from a multiple of 8 bytes
 * on, come the runs' numbers as little-endian float64: for each run its `length` values of x, then of the mean, of the least and of
 * the greatest y in each bucket.
 */
export interface SeriesHead {
  /** The least and greatest x of all runs together; null if there is none. */
  readonly domain: readonly [number, number] | null;
  /** The width of a bucket: a power of 2. */
  readonly width: number;
  readonly runs: readonly { readonly run: string; readonly length: number }[];
}

/** How completions are sorted. */
export type CompletionOrder = 'newest' | 'oldest' | 'best' | 'worst';

/** A row of completions.jsonl, as far as it could be understood. All fields but the texts may be missing. */
export interface Completion {
  /** Its place among the file's rows, from 0. */
  readonly index: number;
  readonly update: number | null;
  readonly episode: number | null;
  readonly prompt: string;
  readonly completion: string;
  readonly finishReason: string | null;
  readonly return: number | null;
  readonly correct: boolean | null;
  readonly answer: string | null;
  readonly correctAnswer: string | null;
  readonly score: number | null;
  readonly kl: number | null;
  readonly tokens: number | null;
  /** What each token adds to the text; null if the run did not write it down. */
  readonly tokenTexts: readonly string[] | null;
  readonly logProbs: readonly (number | null)[] | null;
  readonly tokenKls: readonly (number | null)[] | null;
  readonly tokenRewards: readonly (number | null)[] | null;
}

/** GET /api/completions?run=&order=&offset=&limit=[&text=][&correct=true|false][&update=]. */
export interface CompletionPage {
  /** How many match. */
  readonly total: number;
  /** How many there are. */
  readonly rows: number;
  readonly updates: readonly [number, number] | null;
  readonly read: number;
  /** Lines that were left out, because they are broken or too long. */
  readonly skipped: number;
  readonly problem: string | null;
  readonly completions: readonly Completion[];
}

/** GET /api/compare?run=&offset=&limit=: an early text and a late one, of the same prompt where there are such. */
export interface ComparisonPage {
  readonly total: number;
  readonly samePrompt: boolean;
  readonly pairs: readonly { readonly before: Completion; readonly after: Completion }[];
}

/** What the server answers where it cannot. */
export interface Failure {
  readonly error: string;
}
