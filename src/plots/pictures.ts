// The pictures of runs: which there are, and what they are called.

import { join } from 'node:path';
import { calibrationFigure, readJudged } from './calibration.ts';
import type { BandKind } from './curves.ts';
import { drawFigure, type Figure } from './figure.ts';
import { groupRuns, type RunGroup, subjectOf } from './groups.ts';
import { learningCurve } from './learning-curve.ts';
import { rewardHistogram } from './reward-histogram.ts';
import { openRuns, returnsOf } from './run-data.ts';
import { scoreAgainstKl, scorePaths } from './score-kl.ts';

/** Kinds of pictures. */
export const PICTURE_KINDS = ['curve', 'rewards', 'score-kl', 'calibration'] as const;
export type PictureKind = (typeof PICTURE_KINDS)[number];

export interface DrawRunsOptions {
  /** Default: all that there is something to draw for. */
  readonly kinds?: readonly PictureKind[] | undefined;
  /** Metrics of learning curves; those of an inner list share a picture. Default: the return, or the losses. */
  readonly metrics?: readonly (readonly string[])[] | undefined;
  /** The metric that learning curves are drawn over. Default: steps. */
  readonly x?: string | undefined;
  /** The weight of TensorBoard's smoothing, from 0 to below 1. Default 0, and of losses 0.8. */
  readonly smoothing?: number | undefined;
  /** What the band around the mean of several seeds shows. Default std. */
  readonly band?: BandKind | undefined;
  /** The first share of a run, and the last, that histograms compare. Default 0.2. */
  readonly share?: number | undefined;
  /** In place of the pictures' own. */
  readonly title?: string | undefined;
}

/** A picture, as the text of an SVG file. */
export interface Picture {
  /** A file's name without its ending. */
  readonly name: string;
  readonly svg: string;
}

export interface DrawnRuns {
  readonly pictures: readonly Picture[];
  /** Files and folders that could not be read, and what was wrong with them. */
  readonly problems: readonly string[];
  /** The metrics that the runs have. */
  readonly metrics: readonly string[];
}

const DEFAULT_METRICS = [['episodicReturn'], ['loss', 'evalLoss']] as const;
/** Losses of batches are too noisy to see anything else. */
const LOSS_SMOOTHING = 0.8;
/** More histograms than this are not drawn at once. */
const MOST_HISTOGRAMS = 12;

/**
 * Draws runs, beside each other where they learn the same thing. Runs that differ by nothing but their seed are drawn as a mean and a band.
 *
 * @param paths directories of runs, or folders with runs in them. What cannot be read is named in `problems`, and the rest is drawn.
 */
export async function drawRuns(paths: readonly string[], options: DrawRunsOptions = {}): Promise<DrawnRuns> {
  const { kinds = PICTURE_KINDS, metrics = DEFAULT_METRICS, x, title } = options;
  const columns = [...metrics.flat(), 'kl', 'scores', ...(x === undefined ? [] : [x])];
  const { runs, problems } = await openRuns(paths, columns);
  const bySubject = new Map<string, RunGroup[]>();
  for (const group of groupRuns(runs)) {
    const subject = subjectOf(group.runs[0]!);
    bySubject.set(subject, [...(bySubject.get(subject) ?? []), group]);
  }
  const figures: { readonly name: string; readonly figure: Figure | null }[] = [];
  const add = (name: string, figure: Figure | null): void => {
    figures.push({ name, figure: figure !== null && title !== undefined ? { ...figure, title } : figure });
  };
  for (const [subject, groups] of bySubject) {
    const named = (name: string): string => (bySubject.size > 1 ? `${name}-${fileName(subject)}` : name);
    if (kinds.includes('curve')) {
      for (const shown of metrics) {
        const name = shown[0] === 'episodicReturn' ? 'learning-curve' : shown[0]!;
        const { smoothing = shown.includes('loss') ? LOSS_SMOOTHING : 0 } = options;
        add(named(name), learningCurve(groups, { ...options, smoothing, metrics: shown }));
      }
    }
    if (kinds.includes('score-kl')) {
      add(
        named('score-kl'),
        scoreAgainstKl({ title: `${subject}: score against divergence`, paths: scorePaths(groups) }),
      );
    }
    if (kinds.includes('rewards')) {
      for (const [i, group] of groups.slice(0, MOST_HISTOGRAMS).entries()) {
        const several = groups.length > 1;
        add(named(several ? `rewards-${i + 1}` : 'rewards'), await histogramOf(group, subject, several, options.share));
      }
    }
    if (kinds.includes('calibration')) add(named('calibration'), await calibrationOf(groups, subject));
  }
  const pictures: Picture[] = [];
  for (const { name, figure } of figures) if (figure !== null) pictures.push({ name, svg: await drawFigure(figure) });
  const known = new Set(runs.flatMap((run) => [...run.metrics]));
  return { pictures, problems, metrics: [...known].sort() };
}

async function histogramOf(
  { label, runs }: RunGroup,
  subject: string,
  several: boolean,
  share: number | undefined,
): Promise<Figure | null> {
  const found = await Promise.all(runs.map(returnsOf));
  const { of } = found.find(({ returns }) => returns.length > 0) ?? { of: 'episodes' };
  const title = `${subject}: returns${several ? `, ${label}` : ''}`;
  return rewardHistogram(
    found.map(({ returns }) => returns),
    { title, of, share },
  );
}

async function calibrationOf(groups: readonly RunGroup[], subject: string): Promise<Figure | null> {
  const models = await Promise.all(
    groups.map(async ({ label, runs }) => {
      const judged = await Promise.all(runs.map(({ path }) => readJudged(join(path, 'calibration.json'))));
      return { label, judged: judged.flat() };
    }),
  );
  return calibrationFigure(`${subject}: calibration`, models);
}

function fileName(subject: string): string {
  return subject.replace(/[^\w.-]+/g, '-');
}
