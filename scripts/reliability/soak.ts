// Whether memory stays flat: three works side by side, each in a process of its own, for a long time.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COLORS, drawFigure, type LegendEntry } from '../../src/plots/figure.ts';
import { bundle, bundleOf } from './bundle.ts';
import { FOLDER } from './results.ts';
import { type MemorySample, WORK_NAMES } from './soak-work.ts';

/** What became of the memory of a work. */
export interface Soaked {
  readonly work: string;
  /** Of a processor. */
  readonly minutes: number;
  readonly updates: number;
  /** Resident memory at the end of the warm-up and at the end, in MB. */
  readonly from: number;
  readonly to: number;
  /** Of it, in MB an hour of a processor, by least squares after the first third. */
  readonly slope: number;
  /** Of the objects of JavaScript alone. */
  readonly heapSlope: number;
}

const MB = 2 ** 20;
const PICTURE = join(import.meta.dirname, '../../docs/images/soak.svg');

/** Soaks all works side by side, a thread each, until each has had so many minutes of a processor: others may use it too. */
export async function soak(minutes: number): Promise<Soaked[]> {
  const folder = join(FOLDER, 'soak');
  await bundle({ 'soak-work': join(import.meta.dirname, 'soak-work.ts') });
  await Promise.all(
    WORK_NAMES.map(async (name) => {
      const child = spawn(process.execPath, [bundleOf('soak-work'), name, String(minutes), folder], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, GYMFORMER_THREADS: '1' },
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`the soak of ${name} ended with ${String(code ?? child.signalCode)}`);
    }),
  );
  const samples = WORK_NAMES.map((name) => samplesIn(join(folder, `${name}.jsonl`)));
  await draw(samples);
  return WORK_NAMES.map((name, i) => soakedOf(name, samples[i]!));
}

function samplesIn(file: string): MemorySample[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as MemorySample);
}

/** The picture of docs/reliability.md. */
async function draw(works: readonly (readonly MemorySample[])[]): Promise<void> {
  const legend = WORK_NAMES.map((label, i): LegendEntry => ({ label, color: COLORS[i]! }));
  const points = works.flatMap((samples, i) =>
    samples.map(({ cpuSeconds, resident }) => ({ minutes: cpuSeconds / 60, resident: resident / MB, work: i })),
  );
  const svg = await drawFigure({
    title: 'Memory of three runs that go on',
    subtitle: 'what the process itself holds, a sample every five seconds of a processor',
    legend,
    x: { label: 'minutes of a processor' },
    y: { label: 'resident memory, MB', domain: [0, 1.15 * Math.max(...points.map(({ resident }) => resident))] },
    marks: (plot) => [
      plot.ruleY([0]),
      ...WORK_NAMES.map((_, i) =>
        plot.line(
          points.filter(({ work }) => work === i),
          { x: 'minutes', y: 'resident', stroke: COLORS[i]!, strokeWidth: 1.5 },
        ),
      ),
    ],
  });
  writeFileSync(PICTURE, svg);
}

/** What a file of samples says. */
function soakedOf(work: string, samples: readonly MemorySample[]): Soaked {
  const last = samples.at(-1)!;
  const warm = samples.filter(({ cpuSeconds }) => cpuSeconds >= last.cpuSeconds / 3);
  const hours = warm.map(({ cpuSeconds }) => cpuSeconds / 3600);
  return {
    work,
    minutes: last.cpuSeconds / 60,
    updates: last.updates,
    from: warm[0]!.resident / MB,
    to: last.resident / MB,
    slope: slopeOf(
      hours,
      warm.map(({ resident }) => resident / MB),
    ),
    heapSlope: slopeOf(
      hours,
      warm.map(({ heapUsed }) => heapUsed / MB),
    ),
  };
}

/** By least squares. */
function slopeOf(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [centerX, centerY] = [mean(x), mean(y)];
  const covariance = x.reduce((sum, value, i) => sum + (value - centerX) * (y[i]! - centerY), 0);
  return covariance / x.reduce((sum, value) => sum + (value - centerX) ** 2, 0);
}
