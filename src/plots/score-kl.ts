// Score against divergence: what a language model gained, and how far it went from its reference for that. Gao et al. 2022, "Scaling laws
// for reward model overoptimization", plot it so.

import { COLORS, type Figure, lineStyle } from './figure.ts';
import { type RunGroup, subjectOf } from './groups.ts';
import { curveOf } from './run-data.ts';

/** A model, or a moment of training. */
export interface ScorePoint {
  /** The divergence of a whole text from the reference, in nats. */
  readonly kl: number;
  readonly score: number;
}

/** The way a run took. */
export interface ScorePath {
  readonly label: string;
  /** In the order in which they were gone through: one an update. */
  readonly points: readonly ScorePoint[];
}

export interface ScoreKlContent {
  readonly title: string;
  readonly paths: readonly ScorePath[];
  /** Models beside which the paths are seen. */
  readonly models?: readonly (ScorePoint & { readonly name: string })[] | undefined;
  readonly scoreLabel?: string | undefined;
}

/** Points around which a path's line is averaged: updates are noisy, and the way is what is to be seen. */
const AVERAGED = 7;

/** A picture of ways and models; null if there is nothing in it. */
export function scoreAgainstKl({ title, paths, models = [], scoreLabel }: ScoreKlContent): Figure | null {
  const gone = paths.filter(({ points }) => points.length > 0);
  if (gone.length === 0 && models.length === 0) return null;
  const styled = gone.map((path, i) => ({ ...path, ...lineStyle(i), line: averaged(path.points) }));
  const named = models.map((model, i) => ({ ...model, color: COLORS[(i + gone.length) % COLORS.length]! }));
  const ends = styled.flatMap(({ line, color }) => line.slice(-1).map((point) => ({ ...point, color })));
  const averages = gone.some(({ points }) => points.length > 2);
  return {
    title,
    subtitle: averages
      ? `dots are updates; lines their means over ${AVERAGED}, from the beginning to the ringed end`
      : undefined,
    legend: [
      ...(styled.length > 1 || named.length > 0 ? styled : []).map(({ label, color, dash }) => ({
        label,
        color,
        dash,
      })),
      ...named.map(({ name, color }) => ({ label: name, color, symbol: 'dot' as const })),
    ],
    x: { label: 'KL from the reference, nats a text' },
    y: { label: scoreLabel ?? 'score of a text' },
    marks: (plot) => [
      ...styled.flatMap(({ points, line, color, dash }) => [
        plot.dot(points, { x: 'kl', y: 'score', r: 2.2, fill: color, fillOpacity: 0.35 }),
        plot.line(line, {
          x: 'kl',
          y: 'score',
          stroke: color,
          strokeWidth: 1.8,
          ...(dash === undefined ? {} : { strokeDasharray: dash }),
        }),
      ]),
      plot.dot(ends, { x: 'kl', y: 'score', r: 5.5, stroke: 'color', strokeWidth: 2, fill: '#ffffff' }),
      plot.dot(named, { x: 'kl', y: 'score', r: 6, fill: 'color', stroke: '#ffffff' }),
    ],
  };
}

/** The ways of runs that were scored, and held close to a reference. */
export function scorePaths(groups: readonly RunGroup[]): ScorePath[] {
  return groups.flatMap(({ label, runs }) =>
    runs.flatMap((run, i): ScorePath[] => {
      const { xs: updates, ys: scores } = curveOf(run, 'update', 'scores');
      const kls = curveOf(run, 'update', 'kl');
      const klAt = new Map(kls.xs.map((update, k) => [update, kls.ys[k]!]));
      const points = updates.flatMap((update, k) => {
        const kl = klAt.get(update);
        return kl === undefined ? [] : [{ kl, score: scores[k]! }];
      });
      const name = groups.length > 1 ? label : subjectOf(run);
      return points.length === 0 ? [] : [{ label: runs.length > 1 ? `${name}, ${i + 1}` : name, points }];
    }),
  );
}

/** Fewer around the first points, so that the line begins where the run did. */
function averaged(points: readonly ScorePoint[]): ScorePoint[] {
  const half = (AVERAGED - 1) / 2;
  return points.map((_, i) => {
    const around = points.slice(i - Math.min(i, half), i + Math.min(i, half) + 1);
    const mean = (name: keyof ScorePoint): number =>
      around.reduce((sum, point) => sum + point[name], 0) / around.length;
    return { kl: mean('kl'), score: mean('score') };
  });
}
