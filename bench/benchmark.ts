// What a benchmark is: one measurement of ours, and the peers it stands beside.

/** What one run of one side measured: numbers by metric key, such as `{ stepsPerSecond: 3e6 }`. */
export type Measurement = Readonly<Record<string, number>>;

/** One number that both sides report. */
export interface Metric {
  /** The key in each side's measurement. */
  readonly key: string;
  readonly what: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /**
   * What we want. `ratio`: ours is at least this many times better than each peer, or than the one named `beside`. `value`: our number
   * is at least (or, where lower is better, at most) this one.
   */
  readonly target?: { readonly kind: 'ratio' | 'value'; readonly limit: number; readonly beside?: string };
  /** A number someone published, shown where no peer is run. */
  readonly published?: { readonly value: number; readonly source: string };
}

/** A Python script under bench/peers that prints its measurement as JSON on its last line. */
export interface Peer {
  readonly name: string;
  readonly script: string;
  readonly args?: readonly string[];
  /** Environment variables without which the peer cannot run; it is left out, and said so, when one is missing. */
  readonly needs?: readonly string[];
}

/** A file `bench/<name>.ts` exports one of these by the name `benchmark`. */
export interface Benchmark {
  readonly metrics: readonly Metric[];
  readonly peers: readonly Peer[];
  /** Runs of each side; default 3. */
  readonly repeats?: number;
  /** Takes minutes: left out unless named on the command line. */
  readonly slow?: boolean;
  /** Runs ours once, in a process of its own, and warms up by itself. */
  measure(): Measurement | Promise<Measurement>;
}

/** Wall-clock seconds that `body` took. */
export function secondsOf(body: () => void): number {
  const started = performance.now();
  body();
  return (performance.now() - started) / 1000;
}

/** The most memory this process has ever held, in MB (resident set size, as the operating system counts it). */
export function peakMemory(): number {
  return process.resourceUsage().maxRSS / 1024;
}
