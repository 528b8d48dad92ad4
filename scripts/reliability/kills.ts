// Runs of every kind are killed at random moments, again and again, and go on; in the end each must equal the run that nobody broke off.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { defaultRng, type Generator } from '../../src/random/index.ts';
import { latestCheckpoint } from '../../src/trainer/index.ts';
import { difference, leftovers, wrongRows } from './compare.ts';
import { FOLDER } from './results.ts';
import { begin, type Ended, metricsRows, prepare, stagesOf, type TinyRun, until, untilRow } from './tiny-runs.ts';

/** How a moment is chosen, and of a hundred kills how many are so. */
const SHARES = {
  /** After a random time, mostly while the program starts. */
  start: 20,
  /** A little after a random row of metrics. */
  row: 30,
  /** When a folder appears in which a checkpoint is being written. */
  checkpoint: 20,
  /** In the middle of a write of a file, or before another step of writing. */
  write: 30,
} as const;
type Moment = keyof typeof SHARES;
const MOMENTS = Object.keys(SHARES) as Moment[];

/** What came of the kills. */
export interface Killed {
  readonly tried: number;
  readonly survived: number;
  readonly byMoment: Readonly<Record<Moment, number>>;
  /** Kills that left a checkpoint half written. */
  readonly inCheckpoints: number;
  /** Kills that left a line half written. */
  readonly inLines: number;
  /** Runs that were brought to their ends and compared. */
  readonly finished: number;
  readonly failures: readonly string[];
}

/** Kills runs of these names `count` times in all. */
export async function kills(names: readonly string[], count: number, seed: number): Promise<Killed> {
  await prepare();
  const folder = join(FOLDER, 'kills');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const trials = names.map((name, i) => new Trial(name, folder, defaultRng([seed, i])));
  const quota = (i: number): number =>
    Math.floor(((i + 1) * count) / trials.length) - Math.floor((i * count) / trials.length);
  const left = trials.map((trial, i) => () => trial.kill(quota(i)));
  const lane = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await next();
  };
  await Promise.all([lane(), lane()]);
  const sum = (of: (trial: Trial) => number): number => trials.reduce((total, trial) => total + of(trial), 0);
  const failures = trials.flatMap((trial) => trial.failures);
  return {
    tried: sum(({ tried }) => tried),
    survived: sum(({ tried, failed }) => tried - failed),
    byMoment: Object.fromEntries(
      MOMENTS.map((moment) => [moment, sum(({ moments }) => moments[moment])]),
    ) as Killed['byMoment'],
    inCheckpoints: sum(({ inCheckpoints }) => inCheckpoints),
    inLines: sum(({ inLines }) => inLines),
    finished: sum(({ finished }) => finished),
    failures,
  };
}

/** All kills of one kind of run. */
class Trial {
  tried = 0;
  failed = 0;
  finished = 0;
  inCheckpoints = 0;
  inLines = 0;
  readonly moments: Record<Moment, number> = { start: 0, row: 0, checkpoint: 0, write: 0 };
  readonly failures: string[] = [];
  readonly #name: string;
  readonly #whole: string;
  readonly #run: string;
  readonly #generator: Generator;
  /** Of the run that nobody breaks off: its rows, the calls that write, and the milliseconds until it had a directory. */
  #rows = 0;
  #writes = 0;
  #startMs = 0;
  /** Kills of the run under way. */
  #kills: Moment[] = [];
  /** How far the latest checkpoint of each stage is. */
  #saved = new Map<string, number>();

  constructor(name: string, folder: string, generator: Generator) {
    this.#name = name;
    this.#whole = join(folder, `${name}-whole`);
    this.#run = join(folder, name);
    this.#generator = generator;
  }

  async kill(quota: number): Promise<void> {
    await this.#goStraight();
    while (this.tried < quota) {
      const moment = this.#moment();
      const run = begin(
        this.#name,
        this.#run,
        moment === 'write' ? { RELIABILITY_KILL_AT: String(this.#below(this.#writes) + 1) } : {},
      );
      await this.#killAt(moment, run);
      const ended = await run.ended;
      if (ended.signal === 'SIGKILL') this.#afterKill(moment);
      else this.#afterEnd(ended);
    }
    if (this.#kills.length > 0) this.#afterEnd(await begin(this.#name, this.#run).ended);
  }

  async #goStraight(): Promise<void> {
    const count = `${this.#whole}-writes`;
    const began = performance.now();
    const { child, ended } = begin(this.#name, this.#whole, { RELIABILITY_COUNT_TO: count });
    while (!existsSync(join(this.#whole, 'config.json')) && child.exitCode === null) await pause(5);
    this.#startMs = performance.now() - began;
    const { code, errors } = await ended;
    if (code !== 0) throw new Error(`${this.#name} fails without being killed: ${errors}`);
    this.#rows = metricsRows(this.#whole);
    this.#writes = Number(readFileSync(count, 'utf8'));
  }

  #moment(): Moment {
    let at = this.#below(100);
    return MOMENTS.find((moment) => (at -= SHARES[moment]) < 0)!;
  }

  /** Kills the process at its moment, if it comes to that. */
  async #killAt(moment: Moment, { child }: TinyRun): Promise<void> {
    if (moment === 'write') return;
    if (moment === 'start') await pause(this.#generator.random() * 1.5 * this.#startMs);
    if (moment === 'row') {
      const row = metricsRows(this.#run) + 1 + this.#below(this.#rows / 2);
      await untilRow(child, this.#run, row);
      await pause(this.#generator.random() * 20);
    }
    if (moment === 'checkpoint') {
      const seen = new Set(this.#beingWritten());
      const further = seen.size + this.#below(3);
      await until(child, () => {
        for (const name of this.#beingWritten()) seen.add(name);
        return seen.size > further;
      });
      const end = performance.now() + this.#generator.random() * 6;
      while (performance.now() < end);
    }
    child.kill('SIGKILL');
  }

  /** The folders in which checkpoints are being written, or were when a process was killed. */
  #beingWritten(): string[] {
    const folders = [...stagesOf(this.#run).map((stage) => join(stage, 'checkpoints')), join(this.#run, 'models')];
    const names = folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
    return names.filter((name) => /\.(tmp|old)-[\da-f-]+$/.test(name));
  }

  #afterKill(moment: Moment): void {
    this.tried++;
    this.moments[moment]++;
    this.#kills.push(moment);
    if (this.#beingWritten().length > 0) this.inCheckpoints++;
    const metrics = stagesOf(this.#run).map((stage) => join(stage, 'metrics.jsonl'));
    if (metrics.some((file) => existsSync(file) && !/(^|\n)$/.test(readFileSync(file, 'utf8')))) this.inLines++;
    const problem = this.#lostCheckpoint() ?? wrongRows(this.#whole, this.#run);
    if (problem !== null) this.#fail(problem, 1);
  }

  /** The latest checkpoint of each stage is there, undamaged, and no older than the one before this kill. */
  #lostCheckpoint(): string | null {
    for (const stage of stagesOf(this.#run)) {
      const damaged: string[] = [];
      const latest = latestCheckpoint(stage, { warn: (message) => damaged.push(message) });
      if (damaged.length > 0) return damaged.join('; ');
      const before = this.#saved.get(stage) ?? -1;
      const saved = latest === undefined ? -1 : standingOf(latest);
      if (saved < before) return `the latest checkpoint in ${basename(stage)} was of ${before} and is of ${saved}`;
      this.#saved.set(stage, saved);
    }
    return null;
  }

  #afterEnd({ code, signal, errors }: Ended): void {
    const problem =
      code === 0
        ? (difference(this.#whole, this.#run) ?? leftovers(this.#run))
        : `the next start ended with ${code ?? signal}: ${errors}`;
    this.finished++;
    if (problem !== null) this.#fail(problem, this.#kills.length);
    this.#anew();
  }

  /** Keeps the run that failed, to be looked at. */
  #fail(problem: string, kills: number): void {
    const kept = `${this.#run}-failed-${this.failures.length + 1}`;
    this.failed += kills;
    this.failures.push(`${this.#name}, killed at ${this.#kills.join(', ')}: ${problem} (${kept})`);
    if (existsSync(this.#run)) renameSync(this.#run, kept);
    this.#anew();
  }

  #anew(): void {
    rmSync(this.#run, { recursive: true, force: true });
    this.#kills = [];
    this.#saved.clear();
  }

  #below(limit: number): number {
    return limit <= 1 ? 0 : this.#generator.integers(0, Math.floor(limit));
  }
}

/** The updates or steps after which a checkpoint was written. */
function standingOf(checkpoint: string): number {
  const state = JSON.parse(readFileSync(join(checkpoint, 'training.json'), 'utf8')) as Record<string, number>;
  return state['updates'] ?? state['step']!;
}
