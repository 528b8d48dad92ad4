// A picture as SVG: title, legend and axes around the marks of Observable Plot. Its document is linkedom's, so nothing needs a browser;
// both are loaded when the first picture is drawn (linkedom as the one file it has for workers, which is read five times as fast).

import type { Markish, PlotOptions } from '@observablehq/plot';

/** Observable Plot, as a figure's marks get it. */
export type PlotModule = typeof import('@observablehq/plot');

/** A line of the legend. */
export interface LegendEntry {
  readonly label: string;
  readonly color: string;
  /** Dashes of the line, as SVG has them. Default: none. */
  readonly dash?: string | undefined;
  /** What stands before the label. Default a line. */
  readonly symbol?: 'line' | 'dot' | 'square' | undefined;
}

/** What a picture shows. Text may be anything: it is escaped. */
export interface Figure {
  readonly title: string;
  /** What the picture was made of, in small letters below the title. */
  readonly subtitle?: string | undefined;
  /** Left out if it has one entry that says no more than the title. */
  readonly legend?: readonly LegendEntry[] | undefined;
  /** Scales and axes. Labels name units. */
  readonly x: NonNullable<PlotOptions['x']>;
  readonly y: NonNullable<PlotOptions['y']>;
  readonly marks: (plot: PlotModule) => Markish[];
}

/**
 * Colours that people with any colour vision tell apart: blue, vermilion, bluish green, reddish purple, orange, sky blue and grey.
 * Okabe and Ito 2008, "Color universal design", with grey in place of black and without yellow, which is faint on white.
 */
export const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#5f5f5f'] as const;

/** The colour and the dashes of the n-th of several lines: dashes begin where colours repeat. */
export function lineStyle(n: number): { readonly color: string; readonly dash: string | undefined } {
  const dashes = [undefined, '6 3', '2 2'];
  return { color: COLORS[n % COLORS.length]!, dash: dashes[Math.floor(n / COLORS.length) % dashes.length] };
}

/** What is used here of an element; the compiler's library has no DOM. */
interface SvgElement {
  readonly tagName: string;
  readonly children: Iterable<SvgElement>;
  readonly outerHTML: string;
  textContent: string | null;
  append(...children: SvgElement[]): void;
  closest(selector: string): SvgElement | null;
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  querySelectorAll(selector: string): Iterable<SvgElement>;
}

const SVG = 'http://www.w3.org/2000/svg';
/** Pixels, as all pictures are drawn; SVG scales. */
const WIDTH = 640;
const PLOT_HEIGHT = 340;
const MARGIN = { left: 66, right: 22, top: 12, bottom: 46 };
const INK = '#222222';
const FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif";
/** Widths of letters as shares of the font's size, on the generous side: there is nothing to measure them with. */
const LETTER = 0.58;
const LEGEND = { size: 12, row: 19, symbol: 26, gap: 18 };

/** A number on an axis: `0.05`, `500`, `20K`, `1.5M`, `1e-5`. */
export function compact(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e4) return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 }).format(value);
  if (size > 0 && size < 1e-3) return value.toExponential().replace('e+', 'e');
  return String(Number(value.toPrecision(6)));
}

/** Draws a figure. @returns an SVG file of 640 pixels' width, which needs nothing besides itself */
export async function drawFigure(figure: Figure): Promise<string> {
  const [plot, { DOMParser }] = await Promise.all([import('@observablehq/plot'), import('linkedom/worker')]);
  // Of XML, as only that escapes `<` in attributes.
  const document = new DOMParser().parseFromString(`<svg xmlns="${SVG}"/>`, 'image/svg+xml', null);
  const element = (name: string, attributes: Readonly<Record<string, string | number | undefined>>, text?: string) => {
    const made = document.createElementNS(SVG, name, {});
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined) made.setAttribute(key, String(value));
    }
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const { title, subtitle, legend = [] } = figure;
  const rows = legendRows(legend);
  const top = 34 + (subtitle === undefined ? 0 : 17) + rows.length * LEGEND.row;
  const height = top + PLOT_HEIGHT;
  const root = element('svg', {
    xmlns: SVG,
    width: WIDTH,
    height,
    viewBox: `0 0 ${WIDTH} ${height}`,
    role: 'img',
    'aria-label': title,
    'font-family': FONT,
    color: INK,
    fill: INK,
  });
  root.append(element('rect', { width: WIDTH, height, fill: '#ffffff' }));
  root.append(element('text', { x: 14, y: 24, 'font-size': 15, 'font-weight': 'bold' }, fit(title, 15)));
  if (subtitle !== undefined) {
    root.append(element('text', { x: 14, y: 42, 'font-size': 11.5, fill: '#5a5a5a' }, fit(subtitle, 11.5)));
  }
  for (const [row, entries] of rows.entries()) {
    const y = top - (rows.length - row) * LEGEND.row + 8;
    for (const { x, entry } of entries) {
      root.append(symbolOf(entry, x, y, element));
      root.append(element('text', { x: x + LEGEND.symbol, y: y + 4, 'font-size': LEGEND.size }, entry.label));
    }
  }

  const { left, right, ...vertical } = MARGIN;
  const drawn = plot.plot({
    document: document as unknown as NonNullable<PlotOptions['document']>,
    width: WIDTH,
    height: PLOT_HEIGHT,
    marginLeft: left,
    marginRight: right,
    marginTop: vertical.top,
    marginBottom: vertical.bottom,
    x: { labelAnchor: 'center', labelArrow: 'none', labelOffset: 38, ticks: 6, tickFormat: compact, ...figure.x },
    y: {
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 54,
      grid: true,
      ticks: 6,
      tickFormat: compact,
      ...figure.y,
    },
    marks: figure.marks(plot),
  });
  const area = element('g', { transform: `translate(0,${top})`, 'text-anchor': 'middle', 'font-size': 12 });
  area.append(
    ...Array.from(drawn.children as Iterable<SvgElement>).filter(({ tagName }) => tagName.toLowerCase() !== 'style'),
  );
  root.append(area);
  inPixels(root);
  return `${printable(root.outerHTML)}\n`;
}

/** Writes letters' heights as pixels: Skia, which makes PNGs, knows no `em`. */
function inPixels(root: SvgElement): void {
  for (const text of root.querySelectorAll('text, tspan')) {
    const size = Number(text.closest('[font-size]')?.getAttribute('font-size') ?? 12);
    for (const name of ['x', 'y', 'dy']) {
      const [, ems] = /^(-?[\d.]+)em$/.exec(text.getAttribute(name) ?? '') ?? [];
      if (ems !== undefined) text.setAttribute(name, (Number(ems) * size).toFixed(2));
    }
  }
}

/** Control characters and halves of characters have no place in XML, not even escaped. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\ufffe\uffff]/gu, ' ').replace(/\p{Surrogate}/gu, '\ufffd');
}

function widthOf(text: string, size: number): number {
  return text.length * size * LETTER;
}

/** Cuts off what does not fit into the picture's width. */
function fit(text: string, size: number, width: number = WIDTH - 28): string {
  const most = Math.floor(width / (size * LETTER));
  return text.length <= most ? text : `${text.slice(0, most - 1).trimEnd()}…`;
}

interface Placed {
  readonly x: number;
  readonly entry: LegendEntry;
}

/** Entries beside each other, as many as fit, then in a row below. */
function legendRows(legend: readonly LegendEntry[]): Placed[][] {
  const rows: Placed[][] = [];
  const most = WIDTH - MARGIN.left - MARGIN.right;
  let x = Number.POSITIVE_INFINITY;
  for (const { label, ...rest } of legend) {
    const entry = { ...rest, label: fit(label, LEGEND.size, most - LEGEND.symbol) };
    const width = LEGEND.symbol + widthOf(entry.label, LEGEND.size);
    if (x + width > MARGIN.left + most) {
      rows.push([]);
      x = MARGIN.left;
    }
    rows.at(-1)!.push({ x, entry });
    x += width + LEGEND.gap;
  }
  return rows;
}

function symbolOf<T>(
  { color, dash, symbol = 'line' }: LegendEntry,
  x: number,
  y: number,
  element: (name: string, attributes: Readonly<Record<string, string | number | undefined>>) => T,
): T {
  switch (symbol) {
    case 'line':
      return element('path', {
        d: `M${x},${y}h20`,
        stroke: color,
        'stroke-width': 2.5,
        'stroke-dasharray': dash,
        fill: 'none',
      });
    case 'dot':
      return element('circle', { cx: x + 14, cy: y, r: 4.5, fill: color });
    case 'square':
      return element('rect', { x: x + 6, y: y - 6, width: 13, height: 12, fill: color, 'fill-opacity': 0.6 });
  }
}
