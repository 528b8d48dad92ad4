// Learning curves: a metric over steps or time; of several seeds the mean, and around it how far they are apart.

import { band, type BandKind, type BandPoint, smooth, thin } from './curves.ts';
import { type Figure, lineStyle } from './figure.ts';
import { type RunGroup, subjectOf, writesTexts } from './groups.ts';
import { jointLabel, metricLabel, shortLabel } from './names.ts';
import { curveOf } from './run-data.ts';

export interface LearningCurveOptions {
  /** Metrics to draw into one picture. */
  readonly metrics: readonly string[];
  /** A metric to draw over: globalStep, update, episodes, seconds, step, epoch, tokens, or any other. Default: the runs' steps. */
  readonly x?: string | undefined;
  /** The weight of TensorBoard's smoothing, from 0 to below 1. Default 0, nothing. */
  readonly smoothing?: number | undefined;
  /** Default std: one standard deviation up and down. */
  readonly band?: BandKind | undefined;
  readonly title?: string | undefined;
}

/** Points of the line of a lonely run that is not thinned out, as a picture is not wider. */
const MOST_POINTS = 600;
/** Up to here, points are marked, and not smoothed. */
const FEW_POINTS = 25;

interface Line {
  readonly label: string;
  readonly color: string;
  readonly dash: string | undefined;
  readonly points: readonly BandPoint[];
  /** Before it was smoothed, of a run that is alone. */
  readonly rough: readonly BandPoint[];
}

/** A picture of groups of runs; null if none has such a metric. */
export function learningCurve(groups: readonly RunGroup[], options: LearningCurveOptions): Figure | null {
  const { smoothing = 0, band: kind = 'std', title } = options;
  const metrics = options.metrics.filter((metric) =>
    groups.some(({ runs }) => runs.some((run) => run.metrics.has(metric))),
  );
  const x = options.x ?? stepsOf(groups, metrics);
  const drawn = groups.filter(({ runs }) =>
    runs.some((run) => metrics.some((metric) => curveOf(run, x, metric).xs.length > 0)),
  );
  const lines = drawn.flatMap((group, g) =>
    metrics.flatMap((metric, m): Line[] => {
      const curves = group.runs.map((run) => curveOf(run, x, metric)).filter(({ xs }) => xs.length > 0);
      if (curves.length === 0) return [];
      // Few points, such as evaluations, are smooth enough.
      const smoothed = curves.map((curve) => (curve.xs.length > FEW_POINTS ? smooth(curve, smoothing) : curve));
      const [only] = curves.length === 1 ? curves : [];
      const seeds = curves.length > 1 ? ` (${curves.length} seeds)` : '';
      const name = [drawn.length > 1 ? group.label : '', metrics.length > 1 ? shortLabel(metric) : '']
        .filter((part) => part !== '')
        .join(', ');
      // Colours tell groups apart, dashes their metrics; of one group, colours tell its metrics apart.
      const { color, dash } = lineStyle(drawn.length > 1 ? g : m);
      return [
        {
          label: `${name}${drawn.length > 1 ? seeds : ''}`,
          color,
          dash: drawn.length > 1 && m > 0 ? ['6 3', '2 2'][(m - 1) % 2] : dash,
          points: band(smoothed, kind, only === undefined ? undefined : MOST_POINTS),
          rough: only !== undefined && smoothed[0] !== only ? band([thin(only, MOST_POINTS)], kind, MOST_POINTS) : [],
        },
      ];
    }),
  );
  if (lines.length === 0) return null;
  const runs = drawn.flatMap((group) => group.runs);
  const subjects = new Set(runs.map(subjectOf));
  const what = jointLabel(metrics, shortLabel);
  const several = lines.some(({ points }) => points.some(({ count }) => count > 1));
  const most = Math.max(...drawn.map((group) => group.runs.length));
  return {
    title: title ?? (subjects.size === 1 ? `${[...subjects][0]}: ${what}` : capitalized(what)),
    subtitle: subtitleOf({ kind, smoothing, seeds: several ? most : 1, groups: drawn.length }),
    legend: lines.length === 1 ? [] : lines,
    x: { label: x === 'globalStep' && runs.every(writesTexts) ? 'tokens written' : metricLabel(x) },
    y: { label: jointLabel(metrics, metricLabel) },
    marks: (plot) =>
      lines.flatMap(({ points, rough, color, dash }) => [
        plot.areaY(points, { x: 'x', y1: 'low', y2: 'high', fill: color, fillOpacity: several ? 0.2 : 0 }),
        plot.lineY(rough, { x: 'x', y: 'mean', stroke: color, strokeOpacity: 0.25, strokeWidth: 1 }),
        plot.lineY(points, {
          x: 'x',
          y: 'mean',
          stroke: color,
          strokeWidth: 2,
          ...(dash === undefined ? {} : { strokeDasharray: dash }),
        }),
        plot.dot(points.length <= FEW_POINTS ? points : [], { x: 'x', y: 'mean', r: 3, fill: color }),
      ]),
  };
}

/** The steps that these metrics are counted in. */
function stepsOf(groups: readonly RunGroup[], metrics: readonly string[]): string {
  const runs = groups.flatMap((group) => group.runs);
  const measured = runs.filter((run) => metrics.some((metric) => run.metrics.has(metric)));
  const names = ['globalStep', 'step', 'update'];
  return names.find((name) => measured.length > 0 && measured.every((run) => run.metrics.has(name))) ?? names[0]!;
}

function subtitleOf(facts: {
  readonly kind: BandKind;
  readonly smoothing: number;
  readonly seeds: number;
  readonly groups: number;
}): string | undefined {
  const { kind, smoothing, seeds, groups } = facts;
  const bands = { std: 'one standard deviation', stderr: 'the standard error', range: 'lowest to highest' };
  const parts = [
    ...(seeds > 1 ? [`mean of ${groups > 1 ? 'the' : seeds} seeds, and ${bands[kind]}`] : []),
    ...(smoothing > 0 ? [`smoothed with ${smoothing}`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join('; ');
}

function capitalized(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;
}
