// Fuzzes one target, in a thread of its own that can be ended when a file hangs it. The latest file lies in shared memory, where the main
// thread finds it then.

import { mkdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { defaultRng } from '../src/random/index.ts';
import { Coverage } from './coverage.ts';
import { Limits } from './limits.ts';
import { mutated } from './mutate.ts';
import type { Target } from './target.ts';

/** What the main thread tells. */
export interface Task {
  /** The instrumented bundle of the target. */
  readonly bundle: string;
  readonly folder: string;
  readonly seed: number;
  /** Files to try, or seconds to try for, whichever is over first. */
  readonly files: number;
  readonly seconds: number;
  /** Files to try before any other: what was found earlier. */
  readonly first: readonly Uint8Array[];
  /** The number of files tried, the length of the latest, and then its bytes. */
  readonly shared: SharedArrayBuffer;
}

/** What the main thread is told. */
export type Report =
  | { readonly kind: 'finding'; readonly error: string; readonly input: Uint8Array }
  | {
      readonly kind: 'done';
      readonly tried: number;
      readonly refused: number;
      readonly accepted: number;
      readonly corpus: number;
      readonly covered: number;
    };

/** What code throws that did not look before it went on. */
const MISTAKES =
  /^(Cannot (read|set|convert|destructure|mix|use|access)|Invalid (typed )?array length|Maximum call stack|Array buffer allocation|Reduce of empty)| is not (a function|iterable|defined|a constructor)$/;
/** Findings of one kind that are told. */
const MOST_FINDINGS = 20;

const { bundle, folder, seed, files, seconds, first, shared } = workerData as Task;
mkdirSync(folder, { recursive: true });
const state = new Int32Array(shared, 0, 2);
const latest = new Uint8Array(shared, 8);
const { default: target } = (await import(pathToFileURL(bundle).href)) as { default: Target };
await target.prepare?.(folder);
const corpus: Uint8Array[] = [...(await target.seeds())];
const limits = new Limits(folder);
const coverage = new Coverage();
const generator = defaultRng(seed);
const kinds = new Set<string>();
let [tried, refused, accepted] = [0, 0, 0];

for (const seedFile of corpus) {
  const outcome = await tryFile(seedFile);
  if (outcome !== 'accepted') report(new Error(`a seed is not accepted: ${outcome}`), seedFile);
}
for (const file of first) await tryFile(file);
const end = performance.now() + 1000 * seconds;
while (tried < files && performance.now() < end) {
  const file = mutated(corpus, target.words, generator);
  await tryFile(file);
  if (coverage.news()) corpus.push(file);
  // Timers and messages get their turn.
  if (tried % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
}
parentPort!.postMessage({
  kind: 'done',
  tried,
  refused,
  accepted,
  corpus: corpus.length,
  covered: coverage.covered,
} satisfies Report);

async function tryFile(bytes: Uint8Array): Promise<string> {
  latest.set(bytes);
  state[1] = bytes.length;
  Atomics.add(state, 0, 1);
  tried++;
  coverage.start();
  try {
    await limits.during(bytes.length, () => target.read(bytes, folder));
    accepted++;
    return 'accepted';
  } catch (error) {
    const wrong = limits.broken ?? error;
    if (limits.broken === undefined && refuses(error)) {
      refused++;
      return `refused: ${(error as Error).message}`;
    }
    report(wrong, bytes);
    return 'a finding';
  } finally {
    if (Object.hasOwn(Object.prototype, 'polluted')) {
      report(new Error('Object.prototype was changed'), bytes);
      delete (Object.prototype as { polluted?: unknown }).polluted;
    }
  }
}

/** Whether an error is one by which the reader says what is wrong, and not only a mistake of the code in such clothes. */
function refuses(error: unknown): boolean {
  if (!target.refusals.some((refusal) => error instanceof refusal)) return false;
  if (target.wrapsLibrary === true) return true;
  for (let { cause } = error as Error; cause instanceof Error; { cause } = cause) {
    if (MISTAKES.test(cause.message)) return false;
  }
  return true;
}

/** Tells of a finding, once for each place in the code. */
function report(error: unknown, input: Uint8Array): void {
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const frame = told.split('\n').find((line) => line.trimStart().startsWith('at ')) ?? told;
  const kind = `${error instanceof Error ? error.name : ''} ${frame}`;
  if (kinds.has(kind) || kinds.size >= MOST_FINDINGS) return;
  kinds.add(kind);
  parentPort!.postMessage({ kind: 'finding', error: told, input } satisfies Report);
}
