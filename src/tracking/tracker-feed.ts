// Telling trackers of a run, live or from its directory, without ever letting one of them stop it or slow it down.

import type { CompletionRow, EpisodeRow, MetricsRow } from './rows.ts';
import { stepOf, type TrackedRun, type Tracker } from './tracker.ts';

/** Calls that may wait for a slow tracker. */
const MOST_WAITING = 10_000;
const FINISH_SECONDS = 10;

/** Tells one tracker. */
class Listener {
  readonly #tracker: Tracker;
  readonly #run: TrackedRun;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isOff = false;

  constructor(tracker: Tracker, run: TrackedRun) {
    this.#tracker = tracker;
    this.#run = run;
  }

  get waiting(): number {
    return this.#isOff ? 0 : this.#waiting;
  }

  tell(call: (tracker: Tracker) => void | Promise<void> | undefined): void {
    if (this.#isOff) return;
    if (this.#waiting === 0) {
      try {
        const answer = call(this.#tracker);
        if (answer instanceof Promise) this.#await(answer);
      } catch (error) {
        this.#turnOff(error);
      }
      return;
    }
    if (this.#waiting >= MOST_WAITING) {
      this.#turnOff(new Error(`it does not keep up: ${MOST_WAITING} calls are waiting`));
      return;
    }
    this.#await(this.#tail.then(() => (this.#isOff ? undefined : call(this.#tracker))));
  }

  /** The last call, and the end of the waiting. */
  async finish(summary: Readonly<Record<string, unknown>> | null): Promise<void> {
    this.tell((tracker) => tracker.finish?.(summary));
    const { finishSeconds = FINISH_SECONDS } = this.#tracker;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Error>((resolve) => {
      timer = setTimeout(() => resolve(new Error(`it did not finish within ${finishSeconds} s`)), 1000 * finishSeconds);
    });
    const problem = await Promise.race([this.#tail.then(() => undefined), late]);
    clearTimeout(timer);
    if (problem !== undefined) this.#turnOff(problem);
  }

  #await(answer: Promise<void>): void {
    this.#waiting++;
    this.#tail = answer
      .catch((error: unknown) => this.#turnOff(error))
      .finally(() => {
        this.#waiting--;
      });
  }

  #turnOff(error: unknown): void {
    if (this.#isOff) return;
    this.#isOff = true;
    const { name = 'a tracker' } = this.#tracker;
    const { directory, warn } = this.#run;
    const kept =
      directory === null ? '' : ` All of it is in ${directory}, from where \`gymformer track\` shows it later.`;
    warn(
      `${name} failed: ${error instanceof Error ? error.message : String(error)}. The run goes on without it.${kept}`,
    );
  }
}

/** Tells trackers what is written down of a run. */
export class TrackerFeed {
  readonly #listeners: readonly Listener[];
  /** Of the update under way. */
  #texts: CompletionRow[] = [];
  #returns: number[] = [];
  #lastStep = 0;

  constructor(trackers: readonly Tracker[], run: TrackedRun) {
    this.#listeners = trackers.map((tracker) => new Listener(tracker, run));
    this.#tell((tracker) => tracker.start?.(run));
  }

  metrics(row: MetricsRow): void {
    const step = stepOf(row);
    this.#lastStep = step;
    this.#endUpdate(step);
    this.#tell((tracker) => tracker.log(row, step));
  }

  episode(row: EpisodeRow): void {
    this.#returns.push(row.return);
    this.#tell((tracker) => tracker.episode?.(row, row.globalStep));
  }

  completion(row: CompletionRow): void {
    this.#texts.push(row);
  }

  image(name: string, png: Uint8Array): void {
    this.#tell((tracker) => tracker.image?.(name, png, this.#lastStep));
  }

  /** Lets trackers that are behind catch up, where the rows do not come as slowly as a run writes them. */
  async caughtUp(): Promise<void> {
    const isBehind = (): boolean => this.#listeners.some(({ waiting }) => waiting > MOST_WAITING / 2);
    // About a minute: one that takes longer for nothing hangs.
    for (let turns = 0; turns < 650 && isBehind(); turns++) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(100, turns)));
    }
  }

  /** The update under way is given up: its texts and returns are not told. */
  forgetUpdate(): void {
    this.#texts = [];
    this.#returns = [];
  }

  async finish(summary: Readonly<Record<string, unknown>> | null): Promise<void> {
    this.#endUpdate(this.#lastStep);
    await Promise.all(this.#listeners.map((listener) => listener.finish(summary)));
  }

  /** What an update learned from is told together. */
  #endUpdate(step: number): void {
    const [texts, returns] = [this.#texts, this.#returns];
    this.forgetUpdate();
    if (texts.length > 0) this.#tell((tracker) => tracker.completions?.(texts, step));
    const kinds = [
      ['episodes/return', returns],
      ['completions/return', texts.map((text) => text.return)],
      ['completions/tokens', texts.map(({ tokens }) => tokens)],
    ] as const;
    for (const [name, values] of kinds) {
      if (values.length > 1) this.#tell((tracker) => tracker.histogram?.(name, values, step));
    }
  }

  #tell(call: (tracker: Tracker) => void | Promise<void> | undefined): void {
    for (const listener of this.#listeners) listener.tell(call);
  }
}
