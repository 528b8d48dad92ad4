// How charts look: thin lines, faint bands, a cursor that all charts share, and what the curves are worth where it stands.

import type uPlot from 'uplot';
import { figure } from './format.ts';
import { color } from './theme.ts';

interface Look {
  readonly names: readonly { readonly name: string; readonly color: string }[];
  readonly width: number;
  readonly log: boolean;
  /** Whether x is in seconds. */
  readonly time: boolean;
  readonly onZoom: (range: readonly [number, number] | null) => void;
}

/** A curve is the upper and the lower edge of its band, and its line. */
export const seriesPerCurve = 3;

/** In pixels. */
export const HEIGHT = 190;

const FONT = '11px system-ui, sans-serif';
/** Curves whose values are named at the cursor. */
const MOST_NAMED = 8;

export function plotOptions({ names, width, log, time, onZoom }: Look): uPlot.Options {
  const grid = { stroke: color('grid'), width: 1 };
  const axis: uPlot.Axis = { stroke: color('muted'), grid, ticks: { ...grid, size: 4 }, font: FONT, gap: 4 };
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  names.forEach(({ color: name }, i) => {
    const stroke = color(name);
    const edge: uPlot.Series = { stroke: 'transparent', width: 0, points: { show: false } };
    series.push(edge, edge, { stroke, width: 1.5, points: { size: 4, fill: stroke } });
    bands.push({ series: [seriesPerCurve * i + 1, seriesPerCurve * i + 2], fill: withAlpha(stroke, 0.16) });
  });
  return {
    width,
    height: HEIGHT,
    series,
    bands,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    scales: {
      x: { time: false },
      y: log ? { distr: 3 } : { range: (_, low, high) => padded(low, high) },
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: 60,
        values: (_, ticks) => ticks.map((tick) => (time ? seconds(tick) : figure(tick))),
      },
      {
        ...axis,
        size: 52,
        space: 28,
        values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : figure(tick))),
      },
    ],
    cursor: {
      sync: { key: 'charts', scales: ['x', null] },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6, show: (_, index) => pointFor(names, index) },
      bind: { dblclick: () => () => (onZoom(null), null) },
    },
    hooks: {
      setSelect: [
        (plot) => {
          const { left, width: selected } = plot.select;
          if (selected < 4) return;
          onZoom([plot.posToVal(left, 'x'), plot.posToVal(left + selected, 'x')]);
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
    plugins: [valuesAtCursor(names, time)],
  };
}

/** Points at the cursor for lines, none for the edges of bands. */
function pointFor(names: Look['names'], index: number): HTMLElement {
  const point = document.createElement('div');
  point.className = 'u-cursor-pt';
  if (index % seriesPerCurve === 0) point.style.background = color(names[index / seriesPerCurve - 1]!.color);
  else point.hidden = true;
  return point;
}

function padded(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - room, high + room];
}

/** A small table beside the cursor of the chart that it is in. */
function valuesAtCursor(names: Look['names'], time: boolean): uPlot.Plugin {
  const box = document.createElement('div');
  box.className = 'values';
  box.hidden = true;
  let inside = false;
  return {
    hooks: {
      init: (plot) => {
        plot.over.append(box);
        plot.over.addEventListener('mouseenter', () => (inside = true));
        plot.over.addEventListener('mouseleave', () => {
          inside = false;
          box.hidden = true;
        });
      },
      setCursor: (plot) => {
        const { idx, left = 0 } = plot.cursor;
        const here = inside || plot.root.parentElement === document.activeElement;
        box.hidden = !here || idx === null || idx === undefined || left < 0;
        if (box.hidden) return;
        const x = plot.data[0][idx!]!;
        const rows = names
          .map((name, i) => ({ ...name, value: nearest(plot.data[seriesPerCurve * (i + 1)]!, idx!) }))
          .filter(({ value }) => value !== null)
          .sort((a, b) => b.value! - a.value!);
        box.replaceChildren(
          line('values-x', time ? seconds(x) : x.toLocaleString('en', { maximumFractionDigits: 1 })),
          ...rows.slice(0, MOST_NAMED).map(({ name, color: shade, value }) => {
            const row = line('', '');
            const swatch = line('swatch', '');
            swatch.style.background = color(shade);
            row.append(swatch, line('values-name', name), line('values-value', figure(value)));
            return row;
          }),
          ...(rows.length > MOST_NAMED ? [line('values-x', `and ${rows.length - MOST_NAMED} more`)] : []),
        );
        const right = left > plot.over.clientWidth / 2;
        box.style.maxWidth = `${Math.max(left, plot.over.clientWidth - left) - 12}px`;
        box.style.left = right ? '' : `${left + 12}px`;
        box.style.right = right ? `${plot.over.clientWidth - left + 12}px` : '';
      },
    },
  };
}

/** The value at an index, or the nearest of this curve within a few points: curves have points at other x than each other. */
function nearest(values: ArrayLike<number | null | undefined>, index: number): number | null {
  for (let away = 0; away < 100; away++) {
    const found = values[index - away] ?? values[index + away];
    if (typeof found === 'number') return found;
  }
  return null;
}

function line(name: string, text: string): HTMLElement {
  const element = document.createElement('span');
  element.className = name;
  element.textContent = text;
  return element;
}

function seconds(value: number): string {
  if (value < 60) return `${Number(value.toPrecision(3))} s`;
  if (value < 3600) return `${Number((value / 60).toPrecision(3))} min`;
  return `${Number((value / 3600).toPrecision(3))} h`;
}

function withAlpha(hex: string, alpha: number): string {
  return `${hex}${Math.round(255 * alpha)
    .toString(16)
    .padStart(2, '0')}`;
}
