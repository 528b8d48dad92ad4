// Which code a reader went through: counters that are put into the bundle, laid into one array so that reading them costs little.

import { createInstrumenter } from 'istanbul-lib-instrument';

/** What the instrumented code has under `__coverage__`. */
interface FileCoverage {
  s: Record<string, number> | Uint32Array;
  b: Record<string, number[] | Uint32Array>;
}

/** JavaScript that counts how often each statement and branch runs. */
export function instrumented(code: string, name: string): string {
  const instrumenter = createInstrumenter({ esModules: true, produceSourceMap: false, compact: true });
  return instrumenter.instrumentSync(code, name);
}

/** The counters of everything loaded so far, and what of them was ever seen. */
export class Coverage {
  readonly #counters: Uint32Array;
  /** A bit for each magnitude of each counter. */
  readonly #seen: Uint8Array;

  constructor() {
    const files = Object.values((globalThis as { __coverage__?: Record<string, FileCoverage> }).__coverage__ ?? {});
    const size = ({ s, b }: FileCoverage): number =>
      Object.keys(s).length + Object.values(b).reduce((sum, { length }) => sum + length, 0);
    this.#counters = new Uint32Array(files.reduce((sum, file) => sum + size(file), 0));
    this.#seen = new Uint8Array(this.#counters.length);
    let at = 0;
    const next = (length: number): Uint32Array => this.#counters.subarray(at, (at += length));
    for (const file of files) {
      file.s = next(Object.keys(file.s).length);
      for (const branch of Object.keys(file.b)) file.b[branch] = next(file.b[branch]!.length);
    }
  }

  /** Forgets how often code ran, not what was seen. */
  start(): void {
    this.#counters.fill(0);
  }

  /** Whether code ran since `start` that never ran before, or in another order of magnitude. */
  news(): boolean {
    let news = false;
    for (let i = 0; i < this.#counters.length; i++) {
      const count = this.#counters[i]!;
      if (count === 0) continue;
      const bit = 1 << Math.min(7, 31 - Math.clz32(count));
      if ((this.#seen[i]! & bit) !== 0) continue;
      this.#seen[i]! |= bit;
      news = true;
    }
    return news;
  }

  /** Statements and branches that ever ran. */
  get covered(): number {
    return this.#seen.reduce((sum, bits) => sum + (bits === 0 ? 0 : 1), 0);
  }
}
