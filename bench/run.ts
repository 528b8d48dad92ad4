// Runs ours and the peers' in turn, in the same minutes, and prints how they compare.
//
//   npx tsx bench/run.ts                  all benchmarks but the slow ones
//   npx tsx bench/run.ts cartpole ppo     the named ones
//
// Every measurement is a process of its own: A B A B A B, medians of at least three. Peers need Python: GYMFORMER_PYTHON names the
// interpreter of an environment with bench/requirements.txt in it. Without it only ours is measured. Results also go to
// bench/results.json.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark, Measurement, Metric, Peer } from './benchmark.ts';

const folder = import.meta.dirname;
const OWN = ['run.ts', 'measure.ts', 'benchmark.ts', 'learner.ts', 'language-model.ts', 'preference-data.ts'];
const NAMES = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && !OWN.includes(file))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();

/** Each side's measurements, run by run; `ours` first. */
type Samples = Map<string, Measurement[]>;

interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

interface Row {
  readonly benchmark: string;
  readonly metric: string;
  readonly unit: string;
  readonly peer: string | null;
  readonly ours: Spread;
  readonly theirs: Spread | null;
  /** How many times better ours is, run by run. */
  readonly ratio: Spread | null;
  readonly target: string;
  readonly met: boolean | null;
}

/** Where ours leaves what the peers read too, such as models. */
const shared = mkdtempSync(join(tmpdir(), 'gymformer-bench-'));
process.on('exit', () => rmSync(shared, { recursive: true }));

/** Runs a program whose last line is a measurement. */
function sample(program: string, args: readonly string[], what: string): Measurement {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, OMP_WAIT_POLICY: 'passive', GYMFORMER_BENCH_FOLDER: shared },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
  const line = result.stdout?.trimEnd().split('\n').at(-1) ?? '';
  if (result.status !== 0 || !line.startsWith('{')) {
    throw new Error(`${what} failed (exit code ${result.status}): ${result.error ?? ''}\n${result.stderr}`);
  }
  return JSON.parse(line) as Measurement;
}

function ready(peer: Peer, python: string | undefined): python is string {
  if (python === undefined) {
    console.log(`  ${peer.name} left out: set GYMFORMER_PYTHON`);
    return false;
  }
  const missing = (peer.needs ?? []).filter((name) => process.env[name] === undefined);
  if (missing.length > 0) console.log(`  ${peer.name} left out: set ${missing.join(', ')}`);
  return missing.length === 0;
}

function collect(name: string, benchmark: Benchmark): Samples {
  const python = process.env['GYMFORMER_PYTHON'];
  if (python !== undefined && !existsSync(python)) throw new Error(`GYMFORMER_PYTHON: there is no ${python}`);
  const peers = benchmark.peers.filter((peer) => ready(peer, python));
  const samples: Samples = new Map([
    ['ours', []],
    ...peers.map(({ name: peer }): [string, Measurement[]] => [peer, []]),
  ]);
  for (let repeat = 0; repeat < (benchmark.repeats ?? 3); repeat++) {
    samples.get('ours')?.push(sample(process.execPath, ['--import', 'tsx', join(folder, 'measure.ts'), name], name));
    for (const peer of peers) {
      const args = [join(folder, 'peers', peer.script), ...(peer.args ?? [])];
      samples.get(peer.name)?.push(sample(python ?? '', args, peer.name));
    }
    console.log(`  run ${repeat + 1} done`);
  }
  return samples;
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

function rowsOf(name: string, benchmark: Benchmark, samples: Samples): Row[] {
  const values = (side: string, metric: Metric) => (samples.get(side) ?? []).map((m) => m[metric.key] ?? Number.NaN);
  return benchmark.metrics.flatMap((metric) => {
    const ours = values('ours', metric);
    const comparable = [...samples.keys()].filter(
      (side) => side !== 'ours' && !values(side, metric).some(Number.isNaN),
    );
    const rows = (comparable.length > 0 ? comparable : [null]).map((peer): Row => {
      const theirs = peer === null ? null : values(peer, metric);
      const ratio = theirs && ratioOf(metric, ours, theirs);
      return {
        benchmark: name,
        metric: metric.what,
        unit: metric.unit,
        peer: peer ?? (metric.published ? `published: ${metric.published.value} (${metric.published.source})` : null),
        ours: spread(ours),
        theirs: theirs && spread(theirs),
        ratio,
        ...verdict(metric, peer, spread(ours), ratio),
      };
    });
    return rows;
  });
}

/** How many times better ours is, run by run; null for numbers that have no ratio, such as negative returns. */
function ratioOf({ better }: Metric, ours: readonly number[], theirs: readonly number[]): Spread | null {
  if (![...ours, ...theirs].every((value) => value > 0)) return null;
  return spread(
    ours.map((value, run) => (better === 'higher' ? value / (theirs[run] ?? 0) : (theirs[run] ?? 0) / value)),
  );
}

function verdict(
  { target, better }: Metric,
  peer: string | null,
  ours: Spread,
  ratio: Spread | null,
): { target: string; met: boolean | null } {
  const elsewhere = target?.beside !== undefined && peer !== null && peer !== target.beside;
  if (target === undefined || elsewhere) return { target: '', met: null };
  if (target.kind === 'ratio') {
    return { target: `>= ${target.limit}x`, met: ratio === null ? null : ratio.median >= target.limit };
  }
  const met = better === 'higher' ? ours.median >= target.limit : ours.median <= target.limit;
  return { target: `${better === 'higher' ? '>=' : '<='} ${number(target.limit)}`, met };
}

function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 3;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: 0 });
}

function print(rows: readonly Row[]): void {
  const lines = rows.map((row) => [
    `${row.benchmark}: ${row.metric}`,
    `${number(row.ours.median)} ${row.unit}`,
    row.theirs ? `${number(row.theirs.median)} ${row.unit}, ${row.peer}` : (row.peer ?? '-'),
    row.ratio ? `${number(row.ratio.median)}x (${number(row.ratio.min)} to ${number(row.ratio.max)})` : '-',
    row.target + (row.met === null ? '' : row.met ? ' met' : ' MISSED'),
  ]);
  const table = [['what', 'ours', 'peer', 'times better (min to max)', 'target'], ...lines];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0))) ?? [];
  const text = table.map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  text.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  console.log(text.join('\n'));
}

const named = process.argv.slice(2);
const unknown = named.filter((name) => !NAMES.includes(name));
if (unknown.length > 0) throw new Error(`No benchmark named ${unknown.join(', ')}; there are: ${NAMES.join(', ')}`);

const rows: Row[] = [];
for (const name of named.length > 0 ? named : NAMES) {
  const { benchmark } = (await import(`./${name}.ts`)) as { benchmark: Benchmark };
  if (benchmark.slow && !named.includes(name)) continue;
  console.log(name);
  rows.push(...rowsOf(name, benchmark, collect(name, benchmark)));
}
print(rows);
const machine = { processor: cpus()[0]?.model, cores: cpus().length, node: process.version };
writeFileSync(
  join(folder, 'results.json'),
  `${JSON.stringify({ machine, at: new Date().toISOString(), rows }, null, 2)}\n`,
);
