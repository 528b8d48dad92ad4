// When a model that learns by example is looked at, whether enough of its answers are right already. What came of it is kept in a file, so
// that a run that goes on looks when one without a break would.

import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { eachRow } from './run-rows.ts';

/** A line of the file. */
interface Look {
  readonly step: number;
  readonly accuracy: number;
}

/** The looks at one run. */
export class Looks {
  readonly #file: string;
  readonly #wanted: number;
  readonly #interval: number;
  #last: Look | undefined;
  #isRecalled = false;

  /**
   * @param wanted the share of right answers that is enough
   * @param interval steps from one look to the next
   */
  constructor(file: string, wanted: number, interval: number) {
    this.#file = file;
    this.#wanted = wanted;
    this.#interval = interval;
  }

  /** The share of right answers at the last look; null before the first. */
  get accuracy(): number | null {
    return this.#last?.accuracy ?? null;
  }

  /** Whether to look after this step. To be asked after each. */
  async isDue(step: number): Promise<boolean> {
    if (!this.#isRecalled) await this.#recall(step);
    if (this.#last === undefined) return step >= this.#interval;
    // Right answers come fast once they come: where some are right, the next look is soon.
    const isNear = this.#last.accuracy >= this.#wanted / 4;
    return step >= this.#last.step + (isNear ? Math.ceil(this.#interval / 5) : this.#interval);
  }

  note(step: number, accuracy: number): void {
    this.#last = { step, accuracy };
    appendFileSync(this.#file, `${JSON.stringify(this.#last)}\n`);
  }

  /** Whether the last look was behind this step and saw what was wanted: the run had ended there. To be asked before it goes on. */
  async hasEndedAt(step: number): Promise<boolean> {
    await this.#recall(step + 1);
    return this.#last?.step === step && this.#last.accuracy >= this.#wanted;
  }

  /** Those before this step. Later ones, by a process that was killed, come again. */
  async #recall(step: number): Promise<void> {
    this.#isRecalled = true;
    if (!existsSync(this.#file)) return;
    const looks: Look[] = [];
    await eachRow(this.#file, (row) => {
      const look = row as unknown as Look;
      if (look.step < step) looks.push(look);
    });
    writeFileSync(this.#file, looks.map((look) => `${JSON.stringify(look)}\n`).join(''));
    this.#last = looks.at(-1);
  }
}
