// Whether two mathematical expressions are equal, asked of @cortex-js/compute-engine in a thread of its own.

import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { EnvError } from '../../errors.ts';
import { extractAnswer, parseNumber } from './answers.ts';
import { named, type RewardFunction } from './reward-function.ts';

/** Options of {@link symbolicEquality}. */
export interface SymbolicEqualityOptions {
  /** Milliseconds after which two expressions count as unequal. Default 2000. */
  readonly timeoutMs?: number | undefined;
}

/** Longer answers are no answers. */
const LONGEST = 500;
const TOLERANCE = 1e-9;

/**
 * 1 if the answer equals the right one as a mathematical expression, in plain notation or LaTeX, else 0: `1/2` is
 * `\frac{1}{2}` and 0.5, `x = 5` is 5, `(x+1)^2` is `x^2+2x+1`. Where the engine cannot decide, both are compared at a few
 * points.
 *
 * It needs the package @cortex-js/compute-engine, an optional peer dependency, and throws an EnvError that says so. The
 * engine runs in a thread that is stopped and begun anew when it takes too long: an agent may well write 9^{9^{9^9}}.
 */
export function symbolicEquality({ timeoutMs = 2000 }: SymbolicEqualityOptions = {}): RewardFunction {
  if (!(timeoutMs > 0)) throw new RangeError(`symbolicEquality: timeoutMs is ${timeoutMs}, but must be positive`);
  return named('symbolicEquality', (completion, { answer }) => {
    const generated = extractAnswer(completion);
    if (generated === null || generated === '' || generated.length > LONGEST) return 0;
    const [found, right] = [normalized(generated), normalized(answer)];
    if (found === right) return 1;
    const difference = Math.abs(parseNumber(found) - parseNumber(right));
    if (!Number.isNaN(difference)) return difference <= TOLERANCE * Math.max(1, Math.abs(parseNumber(right))) ? 1 : 0;
    return compare(found, right, timeoutMs).then(Number);
  });
}

/** Without what LaTeX writes around a formula, and without the name that an equation gives its value. */
function normalized(text: string): string {
  return text
    .trim()
    .replace(/^\\\(([^]*)\\\)$|^\\\[([^]*)\\\]$|^\$\$?([^$]*)\$\$?$/, '$1$2$3')
    .replace(/^\s*\\boxed\{([^]*)\}\s*$/, '$1')
    .replace(/^\s*[a-zA-Z]\s*=(?!=)/, '')
    .replaceAll(/\\[dt]frac/g, '\\frac')
    .replaceAll(/(\d),(?=\d{3}(?:\D|$))/g, '$1')
    .trim();
}

/**
 * Plain JavaScript, as text: a thread starts from a file, and this one would be called .ts in a clone and .js in the package.
 * `isEqual` gives undefined where it does not know; then the difference is evaluated at points that no formula has roots
 * at by chance.
 */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { ComputeEngine } = require(workerData.path);
const engine = new ComputeEngine();
const POINTS = [0.3711, 1.2345, 2.7183];
function vanishes(expression) {
  const value = expression.N().re;
  return Number.isFinite(value) && Math.abs(value) < workerData.tolerance * 1e3;
}
function equal(left, right) {
  const a = engine.parse(left);
  const b = engine.parse(right);
  if (!a.isValid || !b.isValid) return false;
  const known = a.isEqual(b);
  if (known !== undefined) return known;
  const difference = engine.expr(['Subtract', a, b]);
  const unknowns = difference.unknowns;
  if (unknowns.length === 0) return vanishes(difference);
  return POINTS.every((point) =>
    vanishes(difference.subs(Object.fromEntries(unknowns.map((name, i) => [name, point + i / 7])))),
  );
}
parentPort.on('message', ({ left, right }) => {
  let answer = false;
  try { answer = equal(left, right); } catch {}
  parentPort.postMessage(answer);
});
parentPort.postMessage('ready');
`;

const require = createRequire(import.meta.url);
let thread: Promise<Worker> | undefined;
/** Comparisons are made one after another. */
let queue: Promise<unknown> = Promise.resolve();

function compare(left: string, right: string, timeoutMs: number): Promise<boolean> {
  const answer = queue.then(async () => {
    thread ??= start();
    const worker = await thread;
    worker.ref();
    return new Promise<boolean>((resolve) => {
      const settle = (equal: boolean, alive: boolean): void => {
        clearTimeout(timer);
        worker.off('message', answered).off('error', broken);
        if (alive) worker.unref();
        else {
          thread = undefined;
          void worker.terminate();
        }
        resolve(equal);
      };
      const answered = (equal: boolean): void => settle(equal, true);
      // The thread catches what the engine throws, so this is memory that ran out.
      const broken = (): void => settle(false, false);
      const timer = setTimeout(broken, timeoutMs);
      worker.on('message', answered).on('error', broken);
      worker.postMessage({ left, right });
    });
  });
  queue = answer.catch(() => undefined);
  return answer;
}

function start(): Promise<Worker> {
  let path: string;
  try {
    path = require.resolve('@cortex-js/compute-engine');
  } catch (cause) {
    throw new EnvError(
      'symbolicEquality needs the package @cortex-js/compute-engine: npm install @cortex-js/compute-engine@0.140.0',
      { cause },
    );
  }
  return new Promise((resolve, reject) => {
    const worker = new Worker(THREAD, { eval: true, workerData: { path, tolerance: TOLERANCE } });
    const failed = (error: unknown): void => {
      thread = undefined;
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    worker.once('error', failed);
    worker.once('message', () => {
      worker.removeListener('error', failed);
      resolve(worker);
    });
  });
}
