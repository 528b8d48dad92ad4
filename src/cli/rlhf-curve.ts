// Score against divergence, as a picture: the way that reinforcement learning took, and where the others ended.

/** A model, or a moment of training. */
export interface CurvePoint {
  readonly kl: number;
  readonly score: number;
}

/** A point with its name. */
export interface NamedPoint extends CurvePoint {
  readonly name: string;
}

const [WIDTH, HEIGHT] = [640, 420];
const MARGIN = { left: 60, right: 130, top: 40, bottom: 50 };
const COLORS = ['#444444', '#0a7d5a', '#b5532a', '#2a56b5'];

/** An SVG picture. @param path in the order in which it was gone */
export function curveSvg(
  path: readonly CurvePoint[],
  named: readonly NamedPoint[],
  { title, axis }: { readonly title: string; readonly axis: string },
): string {
  const all = [...path, ...named];
  const [largestKl, largest] = [Math.max(1, ...all.map(({ kl }) => kl)), Math.max(1, ...all.map(({ score }) => score))];
  const smallest = Math.min(0, ...all.map(({ score }) => score));
  const x = (kl: number): number =>
    round(MARGIN.left + (Math.max(0, kl) / largestKl) * (WIDTH - MARGIN.left - MARGIN.right));
  const y = (score: number): number =>
    round(HEIGHT - MARGIN.bottom - ((score - smallest) / (largest - smallest)) * (HEIGHT - MARGIN.top - MARGIN.bottom));
  const bottom = HEIGHT - MARGIN.bottom;
  const parts = [
    ...ticks(0, largestKl).flatMap((kl) => [
      `<line x1="${x(kl)}" y1="${MARGIN.top}" x2="${x(kl)}" y2="${bottom}" stroke="#e4e4e4"/>`,
      `<text x="${x(kl)}" y="${bottom + 18}" text-anchor="middle">${kl}</text>`,
    ]),
    ...ticks(smallest, largest).flatMap((score) => [
      `<line x1="${MARGIN.left}" y1="${y(score)}" x2="${WIDTH - MARGIN.right}" y2="${y(score)}" stroke="#e4e4e4"/>`,
      `<text x="${MARGIN.left - 8}" y="${y(score) + 4}" text-anchor="end">${score}</text>`,
    ]),
    `<polyline fill="none" stroke="#9bb3e0" stroke-width="1.5" points="${path.map(({ kl, score }) => `${x(kl)},${y(score)}`).join(' ')}"/>`,
    ...path.map(({ kl, score }) => `<circle cx="${x(kl)}" cy="${y(score)}" r="2.5" fill="#6f8fd0"/>`),
    ...named.flatMap(({ name, kl, score }, i) => {
      const color = COLORS[i % COLORS.length]!;
      return [
        `<circle cx="${x(kl)}" cy="${y(score)}" r="6" fill="${color}"/>`,
        `<text x="${x(kl) + 10}" y="${y(score) + 4}" fill="${color}" font-weight="bold">${escaped(name)}</text>`,
      ];
    }),
    `<text x="${MARGIN.left}" y="22" font-size="15" font-weight="bold">${escaped(title)}</text>`,
    `<text x="${(MARGIN.left + WIDTH - MARGIN.right) / 2}" y="${HEIGHT - 12}" text-anchor="middle">divergence from the model at the beginning, nats a text</text>`,
    `<text transform="translate(18 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${escaped(axis)}</text>`,
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

/** Round numbers between two, about five. */
function ticks(from: number, to: number): number[] {
  const raw = (to - from) / 5;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((candidate) => candidate >= raw)!;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(6)));
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
