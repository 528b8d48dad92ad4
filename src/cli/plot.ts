// `gymformer plot`: pictures of runs, beside each other.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BandKind,
  drawRuns,
  type DrawRunsOptions,
  MissingCanvasError,
  type Picture,
  PICTURE_KINDS,
  type PictureKind,
  svgToPng,
} from '../plots/index.ts';
import { CliError, EXIT_USAGE } from './cli-error.ts';
import { printable } from './printable.ts';

/** Flags as they are typed. */
export interface PlotFlags {
  readonly kind?: string;
  readonly metric?: readonly string[];
  readonly x?: string;
  readonly smooth?: string;
  readonly band?: string;
  readonly share?: string;
  readonly title?: string;
  readonly out?: string;
  readonly format?: string;
  readonly json?: boolean;
}

const BANDS = ['std', 'stderr', 'range'] as const satisfies readonly BandKind[];
const FORMATS = ['svg', 'png'] as const;

/** Draws, writes files, and says which. */
export async function plot(paths: readonly string[], flags: PlotFlags): Promise<void> {
  const options = optionsOf(flags);
  const formats = several('--format', flags.format, FORMATS) ?? FORMATS;
  for (const path of paths) if (!existsSync(path)) throw new CliError(`${path} does not exist`);
  const { pictures, problems, metrics } = await drawRuns(paths, options);
  for (const problem of problems) console.error(printable(`warning: ${problem}`));
  if (pictures.length === 0) throw new CliError(nothing(paths, flags, metrics));
  const [only] = paths;
  const folder =
    flags.out ?? (paths.length === 1 && existsSync(join(only!, 'config.json')) ? join(only!, 'media') : 'plots');
  const files = await write(pictures, folder, formats);
  console.log(flags.json === true ? JSON.stringify(files) : printable(files.join('\n')));
}

async function write(
  pictures: readonly Picture[],
  folder: string,
  formats: readonly (typeof FORMATS)[number][],
): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const files: string[] = [];
  const save = (name: string, content: string | Buffer): void => {
    const file = join(folder, name);
    writeFileSync(file, content);
    files.push(file);
  };
  if (formats.includes('svg')) for (const { name, svg } of pictures) save(`${name}.svg`, svg);
  if (!formats.includes('png')) return files;
  try {
    for (const { name, svg } of pictures) save(`${name}.png`, await svgToPng(svg));
  } catch (error) {
    if (!(error instanceof MissingCanvasError)) throw error;
    if (files.length === 0) throw new CliError(error.message);
    console.error(`warning: no PNG was written: ${error.message}`);
  }
  return files;
}

function optionsOf({ kind, metric = [], x, smooth, band, share, title }: PlotFlags): DrawRunsOptions {
  const kinds = several('--kind', kind, PICTURE_KINDS) as readonly PictureKind[] | undefined;
  const bands = several('--band', band, BANDS);
  const metrics = metric.map((names) => names.split(',').filter((name) => name !== ''));
  return {
    kinds: kinds ?? (metrics.length > 0 ? ['curve'] : undefined),
    metrics: metrics.length > 0 ? metrics : undefined,
    x,
    smoothing: number('--smooth', smooth, (value) => value >= 0 && value < 1, 'from 0 to below 1'),
    band: bands?.[0],
    share: number('--share', share, (value) => value > 0 && value <= 0.5, 'above 0, up to 0.5'),
    title,
  };
}

/** Names with commas between; undefined if there are none. */
function several<T extends string>(flag: string, text: string | undefined, known: readonly T[]): T[] | undefined {
  return text?.split(',').map((name) => {
    const found = known.find((other) => other === name);
    if (found !== undefined) return found;
    throw new CliError(`${flag} is '${name}', but must be one of ${known.join(', ')}`, EXIT_USAGE);
  });
}

function number(
  flag: string,
  text: string | undefined,
  fits: (value: number) => boolean,
  range: string,
): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (fits(value)) return value;
  throw new CliError(`${flag} is '${text}', but must be a number ${range}`, EXIT_USAGE);
}

function nothing(paths: readonly string[], { metric, x }: PlotFlags, metrics: readonly string[]): string {
  if (metrics.length === 0) return `there is nothing to draw in ${paths.join(', ')}: no run has a metric yet`;
  const asked = [...(metric ?? []), ...(x === undefined ? [] : [x])];
  const about = asked.length === 0 ? 'of the kind asked for' : `of ${asked.join(' and ')}`;
  return `there is nothing ${about}. Metrics of these runs: ${metrics.join(', ')}`;
}
