// Fuzzing one format: bundle and instrument its target, let a worker try files, and watch that none hangs it or takes its memory.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { instrumented } from './coverage.ts';
import type { Report, Task } from './worker.ts';

const here = dirname(fileURLToPath(import.meta.url));
/** Two folders deep, as the files are from which bundles come: some look for package.json from where they are. */
const BUNDLES = join(here, 'bundles');
const LARGEST = 1 << 17;
/** A file on which a reader works this long hangs it. */
const HANGS_AFTER_SECONDS = 30;
const HEAP_MEGABYTES = 1024;

/** How much to try. */
export interface FuzzOptions {
  readonly seed: number;
  readonly files: number;
  readonly seconds: number;
  /** Whether to watch which code files reach and to go on from those that reach new code. Default true; starting without is quicker. */
  readonly guided?: boolean;
}

/** What came of it. */
export interface FuzzResult {
  readonly target: string;
  readonly tried: number;
  /** Files that the reader refused, with an error that says why. */
  readonly refused: number;
  readonly accepted: number;
  /** Files that each led through code or into numbers of repetitions that none before did. */
  readonly corpus: number;
  /** Statements and branches that ran. */
  readonly covered: number;
  readonly findings: readonly { readonly error: string; readonly input: Uint8Array }[];
}

/** The names of all targets. */
export const targetNames: readonly string[] = readdirSync(join(here, 'targets')).map((file) => file.replace('.ts', ''));

/** Files that were findings once, and shall never be again. */
function earlierFindings(target: string): Uint8Array[] {
  const folder = join(here, 'found', target);
  try {
    return readdirSync(folder).map((file) => Uint8Array.from(readFileSync(join(folder, file))));
  } catch {
    return [];
  }
}

/** Fuzzes one target. */
export async function fuzz(target: string, options: FuzzOptions): Promise<FuzzResult> {
  const { seed, files, seconds, guided = true } = options;
  const bundle = await bundled(join(here, 'targets', `${target}.ts`), `${target}.mjs`, guided);
  const worker = await bundled(join(here, 'worker.ts'), 'worker.mjs', false);
  const shared = new SharedArrayBuffer(8 + LARGEST);
  const folder = mkdtempSync(join(tmpdir(), 'gymformer-fuzz-'));
  const task: Task = { bundle, folder, seed, files, seconds, first: earlierFindings(target), shared };
  try {
    return await watched(
      new Worker(worker, { workerData: task, resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES } }),
      target,
      shared,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
    for (const path of [bundle, worker]) rmSync(path);
  }
}

function watched(worker: Worker, target: string, shared: SharedArrayBuffer): Promise<FuzzResult> {
  const state = new Int32Array(shared, 0, 2);
  const latest = (): Uint8Array => Uint8Array.from(new Uint8Array(shared, 8, state[1]!));
  const findings: { error: string; input: Uint8Array }[] = [];
  return new Promise((resolve) => {
    let [seen, since] = [0, performance.now()];
    const ended = (rest: Omit<FuzzResult, 'target' | 'findings'>): void => {
      clearInterval(timer);
      void worker.terminate();
      resolve({ target, findings, ...rest });
    };
    const broken = (error: string): void => {
      findings.push({ error, input: latest() });
      ended({ tried: state[0]!, refused: 0, accepted: 0, corpus: 0, covered: 0 });
    };
    const timer = setInterval(() => {
      if (state[0] !== seen) [seen, since] = [state[0]!, performance.now()];
      else if (seen > 0 && performance.now() - since > 1000 * HANGS_AFTER_SECONDS)
        broken(`hangs for ${HANGS_AFTER_SECONDS} s and more`);
    }, 500);
    worker.on('message', (report: Report) => {
      if (report.kind === 'finding') findings.push(report);
      else ended(report);
    });
    worker.on('error', (error: Error) => broken(error.stack ?? String(error)));
  });
}

/** Bundles `entry` with all that it imports but native packages. */
async function bundled(entry: string, name: string, counted: boolean): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    logLevel: 'silent',
    external: [
      'koffi',
      'onnxruntime-node',
      'istanbul-lib-instrument',
      'vite',
      '@cortex-js/compute-engine',
      '@napi-rs/*',
    ],
    // Bundled CommonJS packages ask for built-in modules in their own way.
    banner: {
      js: "import { createRequire as createRequireHere } from 'node:module'; const require = createRequireHere(import.meta.url);",
    },
  });
  const code = outputFiles[0]!.text;
  const path = join(BUNDLES, `${process.pid}-${name}`);
  mkdirSync(BUNDLES, { recursive: true });
  writeFileSync(path, counted ? instrumented(code, name) : code);
  return path;
}
