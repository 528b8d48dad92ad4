// MLflow, over the REST interface of a tracking server. mlflow.org/docs/latest/api_reference/rest-api.html

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CompletionRow, MetricsRow } from './rows.ts';
import { groupedMetrics } from './metric-names.ts';
import { MlflowClient, MlflowError } from './mlflow-client.ts';
import { timeOf, type TrackedRun, type Tracker } from './tracker.ts';

export interface MlflowOptions {
  /** The server's address. Default: the environment's MLFLOW_TRACKING_URI, or http://127.0.0.1:5000. */
  readonly uri?: string | undefined;
  /** The experiment's name; it is made if there is none. Default: the environment's MLFLOW_EXPERIMENT_NAME, or gymformer. */
  readonly experiment?: string | undefined;
  /** Default: the run's name. */
  readonly runName?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Texts of an update to keep at most; 0 for none. Default 16. */
  readonly completions?: number | undefined;
}

/** What the interface takes at once. */
const MOST_METRICS = 1000;
const MOST_PARAMS = 100;
const MOST_CHARACTERS = 6000;
/** What is kept for a server that does not answer; older metrics are left out then. */
const MOST_WAITING = 200_000;
const FLUSH_SECONDS = 2;
/** After a failure the server is left alone for so long. */
const RETRY_SECONDS = 20;
/** What is sent in the end, whatever has failed before. */
const FINISH_SECONDS = 30;

interface Metric {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

/** Says which run it is, so that a process that goes on with it does so here too. */
const ID_FILE = 'mlflow.json';

/** What the server says of a run. */
interface EarlierRun {
  readonly info: { readonly run_id: string; readonly artifact_uri: string };
  /** The latest of each metric. */
  readonly data: { readonly metrics?: readonly { readonly key: string; readonly step: number | string }[] };
}

/**
 * Logs to an MLflow server, in the background: parameters (the configuration), metrics in their groups, pictures, and the texts of updates
 * as a table that `mlflow.load_table` reads. Who may log is told by the environment: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and
 * MLFLOW_TRACKING_PASSWORD. A server that does not answer costs one warning; metrics are kept and sent when it does.
 */
export class MlflowTracker implements Tracker {
  readonly name = 'MLflow';
  readonly finishSeconds = FINISH_SECONDS + 5;
  /** The run's id on the server; null before it has answered. */
  runId: string | null = null;
  readonly #options: MlflowOptions;
  readonly #client: MlflowClient;
  #run: TrackedRun | null = null;
  /** Where the run's artifacts go, within the server's. */
  #artifacts: string | null = null;
  #metrics: Metric[] = [];
  readonly #texts: CompletionRow[] = [];
  #pictures: (readonly [name: string, png: Uint8Array])[] = [];
  #flushing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** The last step of each metric that the server had before the run went on. */
  #toldBefore: ReadonlyMap<string, number> = new Map();
  #hasWarned = false;

  /** @throws TypeError if the address is none */
  constructor(options: MlflowOptions = {}) {
    this.#options = options;
    this.#client = new MlflowClient(options.uri);
  }

  start(run: TrackedRun): void {
    this.#run = run;
    this.#flushIn(0);
  }

  log(row: MetricsRow, step: number): void {
    const timestamp = timeOf(this.#run!, row).getTime();
    for (const [key, value] of groupedMetrics(row)) {
      const metric = { key, value, timestamp: Math.round(timestamp), step };
      if (this.#isNew(metric)) this.#metrics.push(metric);
    }
    if (this.#metrics.length > MOST_WAITING) this.#metrics = this.#metrics.slice(-MOST_WAITING / 2);
    this.#flushIn(this.#metrics.length >= MOST_METRICS ? 0 : FLUSH_SECONDS);
  }

  completions(rows: readonly CompletionRow[]): void {
    this.#texts.push(...rows.slice(0, this.#options.completions ?? 16));
  }

  image(name: string, png: Uint8Array): void {
    this.#pictures.push([name, png]);
  }

  async finish(summary: TrackedRun['config'] | null): Promise<void> {
    clearTimeout(this.#timer);
    await this.#flushing;
    const { signal } = this.#client.deadline(FINISH_SECONDS);
    try {
      await this.#sendAll(signal, summary);
    } catch (error) {
      // One warning is enough, and has been given.
      if (!this.#hasWarned) throw error;
    }
  }

  async #sendAll(signal: AbortSignal, summary: TrackedRun['config'] | null): Promise<void> {
    await this.#send(signal);
    await this.#sendFiles(signal);
    const { startedAt } = this.#run!;
    const seconds = typeof summary?.['seconds'] === 'number' ? summary['seconds'] : null;
    await this.#client.post('runs/update', signal, {
      run_id: this.runId,
      status: statusOf(summary),
      end_time: seconds === null ? Date.now() : Math.round(startedAt.getTime() + 1000 * seconds),
    });
  }

  #flushIn(seconds: number): void {
    if (this.#flushing !== null || (this.#timer !== undefined && seconds > 0)) return;
    clearTimeout(this.#timer);
    // Not what keeps a process alive: `finish` sends what is left.
    this.#timer = setTimeout(() => this.#flush(), 1000 * seconds);
    this.#timer.unref();
  }

  #flush(): void {
    this.#timer = undefined;
    const { directory, warn } = this.#run!;
    this.#flushing = this.#send(this.#client.deadline(10).signal)
      .then(() => 0)
      .catch((error: unknown) => {
        if (!this.#hasWarned) {
          const why = error instanceof Error ? error.message : String(error);
          const later = directory === null ? '' : `; else: gymformer track ${directory} --to mlflow`;
          warn(`MLflow: ${why}. What it misses is kept, and sent if it answers before the run ends${later}`);
        }
        this.#hasWarned = true;
        return RETRY_SECONDS;
      })
      .then((seconds) => {
        this.#flushing = null;
        if (this.#metrics.length > 0) this.#flushIn(seconds);
      });
  }

  /** Makes the run, if it is not made yet, and sends the metrics that wait. */
  async #send(signal: AbortSignal): Promise<void> {
    if (this.runId === null && !(await this.#goOn(signal))) await this.#create(signal);
    while (this.#metrics.length > 0) {
      const metrics = this.#metrics.slice(0, MOST_METRICS);
      await this.#client.post('runs/log-batch', signal, { run_id: this.runId, metrics });
      // They are in front still, unless so many came that old ones were left out.
      this.#metrics = this.#metrics.slice(this.#metrics[0] === metrics[0] ? metrics.length : 0);
    }
  }

  /**
   * Goes on with the run that an earlier process made. The server forgets no metric, so that steps that it knows are left out: they come
   * again as they were. Returns whether there is such a run.
   */
  async #goOn(signal: AbortSignal): Promise<boolean> {
    const { directory, resumesAfter } = this.#run!;
    if (directory === null || resumesAfter == null) return false;
    const known = idOf(join(directory, ID_FILE), this.#client.address);
    if (known === null) return false;
    let run: EarlierRun;
    try {
      run = (await this.#client.get(`runs/get?run_id=${encodeURIComponent(known)}`, signal))['run'] as EarlierRun;
    } catch (error) {
      if (error instanceof MlflowError && error.code === 'RESOURCE_DOES_NOT_EXIST') return false;
      throw error;
    }
    await this.#client.post('runs/update', signal, { run_id: known, status: 'RUNNING' });
    this.#use(run.info);
    this.#toldBefore = new Map((run.data.metrics ?? []).map(({ key, step }) => [key, Number(step)]));
    this.#metrics = this.#metrics.filter((metric) => this.#isNew(metric));
    return true;
  }

  #isNew({ key, step }: Metric): boolean {
    return step > (this.#toldBefore.get(key) ?? -1);
  }

  #use({ run_id: id, artifact_uri: artifacts }: EarlierRun['info']): void {
    this.runId = id;
    this.#artifacts = /^mlflow-artifacts:\/+(.*)$/.exec(artifacts)?.[1] ?? null;
  }

  async #create(signal: AbortSignal): Promise<void> {
    const { name, config, startedAt } = this.#run!;
    const {
      experiment = process.env['MLFLOW_EXPERIMENT_NAME'] ?? 'gymformer',
      runName = name,
      tags = {},
    } = this.#options;
    const { info } = (
      await this.#client.post('runs/create', signal, {
        experiment_id: await this.#client.experiment(experiment, signal),
        run_name: runName,
        start_time: startedAt.getTime(),
        tags: Object.entries({ 'mlflow.source.name': 'gymformer', ...tags }).map(([key, value]) => ({ key, value })),
      })
    )['run'] as Pick<EarlierRun, 'info'>;
    const params = parametersOf(config);
    for (let begin = 0; begin < params.length; begin += MOST_PARAMS) {
      const some = params.slice(begin, begin + MOST_PARAMS);
      await this.#client.post('runs/log-batch', signal, { run_id: info.run_id, params: some });
    }
    this.#use(info);
    const { directory } = this.#run!;
    if (directory === null) return;
    writeFileSync(join(directory, ID_FILE), `${JSON.stringify({ uri: this.#client.address, runId: info.run_id })}\n`);
  }

  /** Files go through the server. One that has them elsewhere, such as in a bucket, gets none from here. */
  async #sendFiles(signal: AbortSignal): Promise<void> {
    if (this.#artifacts === null) return;
    const files: [name: string, bytes: Uint8Array][] = this.#pictures.map(([name, png]) => [`${name}.png`, png]);
    // Each process of a run has a table of its own: it knows no other texts.
    const { resumesAfter } = this.#run!;
    const name = resumesAfter ? `completions-${resumesAfter}.json` : 'completions.json';
    if (this.#texts.length > 0) files.push([name, Buffer.from(JSON.stringify(tableOf(this.#texts)))]);
    for (const [path, bytes] of files) await this.#client.put(`${this.#artifacts}/${path}`, signal, bytes);
  }
}

/** The run that `file` names, if it is one of this server. */
function idOf(file: string, uri: string): string | null {
  try {
    const saved = JSON.parse(readFileSync(file, 'utf8')) as { uri?: unknown; runId?: unknown };
    return saved.uri === uri && typeof saved.runId === 'string' ? saved.runId : null;
  } catch {
    return null;
  }
}

function statusOf(summary: TrackedRun['config'] | null): 'FINISHED' | 'FAILED' | 'KILLED' {
  if (summary === null) return 'KILLED';
  const { stoppedBy } = summary;
  if (stoppedBy === 'failed' || stoppedBy === 'diverged') return 'FAILED';
  return stoppedBy === 'signal' ? 'KILLED' : 'FINISHED';
}

/** Settings, those within others by their path; MLflow knows texts alone, of some length. */
function parametersOf(config: TrackedRun['config']): { key: string; value: string }[] {
  const params: { key: string; value: string }[] = [];
  const visit = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [name, inner] of Object.entries(value)) visit(inner, path === '' ? name : `${path}.${name}`);
      return;
    }
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    params.push({ key: path.replace(/[^\w\-. /:]/g, '_').slice(0, 250), value: text.slice(0, MOST_CHARACTERS) });
  };
  visit(config, '');
  return params;
}

const COLUMNS = ['update', 'episode', 'prompt', 'completion', 'return', 'score', 'kl', 'correct', 'answer'] as const;

/** As `mlflow.log_table` writes it. */
function tableOf(rows: readonly CompletionRow[]): object {
  const columns = COLUMNS.filter((name) => rows.some((row) => row[name] !== undefined));
  return { columns, data: rows.map((row) => columns.map((name) => row[name] ?? null)) };
}
