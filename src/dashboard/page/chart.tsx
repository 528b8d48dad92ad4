// One chart: a number of several runs over one axis. Its data comes down-sampled for its width, when it is in sight, and again when there
// is more.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { RowFile } from '../api.ts';
import type { ShownRun } from './app.tsx';
import { askSeries, type Series, type SeriesAnswer } from './ask.ts';
import { type Curve, curveOf, meanCurve } from './curves.ts';
import { figure } from './format.ts';
import { onRows } from './live.ts';
import { HEIGHT, plotOptions, seriesPerCurve } from './plot-options.ts';
import type { Change, Settings } from './settings.ts';
import type { Theme } from './theme.ts';

interface Props {
  readonly title: string;
  readonly file: RowFile;
  readonly x: string;
  readonly y: string;
  readonly runs: readonly ShownRun[];
  readonly settings: Settings;
  readonly change: Change;
  readonly theme: Theme;
}

/** A curve with what it is called. */
export interface NamedCurve extends Curve {
  readonly name: string;
  readonly color: string;
}

export function Chart({ title, file, x, y, runs, settings, change, theme }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [width, setWidth] = useState(0);
  const visible = useVisible(box, setWidth);
  const { zoom, smoothing, log, grouped } = settings;
  const ids = runs.map(({ id }) => id).join('\n');
  const answer = useSeries({ file, x, y, ids, pixels: width, zoom, visible });

  const curves = useMemo(
    () => (answer === null ? [] : namedCurves(answer, runs, smoothing, grouped, zoom)),
    [answer, runs, smoothing, grouped, zoom],
  );
  const empty = answer !== null && curves.every((curve) => curve.x.length === 0);
  const hidden = log && !empty && curves.every(({ high }) => !Array.from(high).some((value) => value > 0));

  const shape = JSON.stringify(curves.map(({ name, color }) => [name, color]));
  useEffect(() => {
    const host = box.current;
    if (host === null || width === 0 || curves.length === 0) return;
    const names = curves.map(({ name, color }) => ({ name, color }));
    const options = plotOptions({
      names,
      width,
      log,
      time: x === 'seconds',
      onZoom: (range) => change({ zoom: range }),
    });
    const created = new uPlot(options, aligned(curves), host);
    plot.current = created;
    return () => {
      created.destroy();
      plot.current = undefined;
    };
  }, [shape, log, theme, x, width === 0]);
  useEffect(() => plot.current?.setSize({ width, height: HEIGHT }), [width]);
  useEffect(() => {
    plot.current?.setData(aligned(curves), false);
    const domain = zoom ?? answer?.domain;
    if (domain) plot.current?.setScale('x', { min: domain[0], max: domain[1] > domain[0] ? domain[1] : domain[0] + 1 });
  }, [curves, zoom, shape, log, theme]);

  const latest = curves.length === 1 && curves[0]!.line.length > 0 ? curves[0]!.line[curves[0]!.line.length - 1] : null;
  const description = curves.map(({ name, line }) => `${name} ${figure(line[line.length - 1])}`).join(', ');
  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        {latest !== null && <output>{figure(latest)}</output>}
      </figcaption>
      <div
        ref={box}
        class="plot"
        role="img"
        tabIndex={0}
        aria-label={`${title}: ${description}`}
        onKeyDown={(event) => onKey(event, plot.current, change, zoom ?? answer?.domain ?? null)}
      />
      {(empty || hidden) && (
        <p class="no-data">{empty ? 'No points here' : 'Nothing above 0 for a logarithmic axis'}</p>
      )}
    </figure>
  );
}

interface Question {
  readonly file: RowFile;
  readonly x: string;
  readonly y: string;
  /** Of runs, one a line. */
  readonly ids: string;
  readonly pixels: number;
  readonly zoom: readonly [number, number] | null;
  readonly visible: boolean;
}

/** The curves of a chart, kept up to date while it is in sight. Where one run has more, only that one is asked for again. */
function useSeries({ file, x, y, ids, pixels, zoom, visible }: Question): SeriesAnswer | null {
  const [answer, setAnswer] = useState<SeriesAnswer | null>(null);
  const stale = useRef(new Set<string>());
  const buckets = 100 * Math.ceil(pixels / 100);
  const [from, to] = zoom ?? [];
  useEffect(() => {
    const all = ids.split('\n');
    const stop = new AbortController();
    let current: SeriesAnswer | null = null;
    let [asking, timer] = [false, 0];
    const load = async (): Promise<void> => {
      if (asking || stale.current.size === 0) return;
      asking = true;
      const run = current === null ? all : all.filter((id) => stale.current.has(id));
      stale.current.clear();
      const [low, high] = current?.domain ?? [];
      try {
        const got = await askSeries({ run, file, x, y, pixels: buckets, from, to, low, high }, stop.signal);
        // With more points buckets grow wider, all of them.
        if (current !== null && got.width !== current.width) stale.current = new Set(all);
        else current = { ...got, runs: new Map([...(current?.runs ?? []), ...got.runs]) };
        if (stale.current.size === 0 || current.width === got.width) setAnswer(current);
        else current = null;
      } catch {
        // The server is away: the list says so, and the next event brings us here again.
        if (!stop.signal.aborted) for (const id of run) stale.current.add(id);
      }
      asking = false;
      if (current === null && !stop.signal.aborted) void load();
    };
    stale.current = new Set(all);
    const forget = onRows((event) => {
      if (event.file !== file || !all.includes(event.run)) return;
      stale.current.add(event.run);
      if (!visible || timer !== 0) return;
      timer = window.setTimeout(() => {
        timer = 0;
        void load();
      }, 100);
    });
    if (visible && buckets > 0) void load();
    return () => {
      stop.abort();
      clearTimeout(timer);
      forget();
    };
  }, [file, x, y, ids, buckets, from, to, visible]);
  return answer;
}

/** Whether an element is in sight, or nearly; tells its width. */
function useVisible(box: { readonly current: HTMLElement | null }, setWidth: (width: number) => void): boolean {
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    const sight = new IntersectionObserver(([entry]) => setVisible(entry!.isIntersecting), { rootMargin: '200px' });
    const size = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    sight.observe(box.current!);
    size.observe(box.current!);
    return () => {
      sight.disconnect();
      size.disconnect();
    };
  }, []);
  return visible;
}

function namedCurves(
  { runs: series, domain }: SeriesAnswer,
  runs: readonly ShownRun[],
  smoothing: number,
  grouped: boolean,
  zoom: Settings['zoom'],
): readonly NamedCurve[] {
  const [from, to] = zoom ?? domain ?? [0, 0];
  const span = to - from;
  const found = runs.flatMap((run) => {
    const points = series.get(run.id);
    return points === undefined ? [] : [{ run, points }];
  });
  const single = ({ run, points }: { run: ShownRun; points: Series }): NamedCurve => ({
    ...curveOf(points, smoothing, span),
    name: run.id || '.',
    color: run.color,
  });
  if (!grouped) return found.map(single);
  const groups = new Map<string, typeof found>();
  for (const item of found) groups.set(item.run.group, [...(groups.get(item.run.group) ?? []), item]);
  return [...groups.values()].map((items) => {
    const [first] = items;
    if (items.length === 1) return single(first!);
    const { subject, algorithm, name, color } = first!.run;
    const what = [subject, algorithm].filter((word) => word !== null).join(' ') || name;
    const points = items.map((item) => item.points);
    return { ...meanCurve(points, smoothing, span), name: `${what}, ${items.length} seeds`, color };
  });
}

/** All curves over one list of x, as uPlot wants them; undefined where a curve has no point. */
function aligned(curves: readonly NamedCurve[]): uPlot.AlignedData {
  const tables = curves.map(({ x, high, low, line }) => [x, high, low, line] as unknown as uPlot.AlignedData);
  if (tables.length === 0) return [[]];
  // A NaN is a gap, which uPlot calls null.
  const clean = tables.map((table) =>
    table.map((list) => Array.from(list, (value) => (Number.isNaN(value) ? null : value))),
  );
  return clean.length === 1 ? (clean[0] as uPlot.AlignedData) : uPlot.join(clean as uPlot.AlignedData[]);
}

function onKey(
  event: KeyboardEvent,
  plot: uPlot | undefined,
  change: Change,
  range: readonly [number, number] | null,
): void {
  if (plot === undefined || range === null || event.ctrlKey || event.metaKey) return;
  const { data, cursor } = plot;
  const at = cursor.idx ?? data[0].length - 1;
  const [from, to] = range;
  const middle = data[0][at] ?? (from + to) / 2;
  const zoomBy = (factor: number): void => {
    const half = ((to - from) * factor) / 2;
    change({ zoom: [middle - half, middle + half] });
  };
  if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
    const index = Math.max(0, Math.min(data[0].length - 1, at + (event.key === 'ArrowLeft' ? -1 : 1)));
    const value = data[seriesPerCurve]?.[index];
    const top = typeof value === 'number' ? plot.valToPos(value, 'y') : 0;
    plot.setCursor({ left: plot.valToPos(data[0][index]!, 'x'), top: Math.max(0, top) });
  } else if (event.key === '+' || event.key === '=') zoomBy(0.5);
  else if (event.key === '-') zoomBy(2);
  else if (event.key === '0') change({ zoom: null });
  else return;
  event.preventDefault();
}
