import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { DOMParser } from 'linkedom';
import { afterAll, describe, expect, test } from 'vitest';
import { drawFigure } from '../../src/plots/figure.ts';
import { groupRuns } from '../../src/plots/groups.ts';
import { drawMedia, drawRuns, scoreAgainstKl, svgToPng } from '../../src/plots/index.ts';
import { curveOf, openRuns } from '../../src/plots/run-data.ts';

const root = mkdtempSync(join(tmpdir(), 'gymformer-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

type Rows = readonly object[] | string;

/** Writes a run down. Rows may be a text, as a crash or something foreign may have left it. */
function run(config: object | string, files: Readonly<Record<string, Rows>>, name = `run-${folders++}`): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  for (const [file, rows] of Object.entries(files)) {
    const text = typeof rows === 'string' ? rows : rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    writeFileSync(join(folder, `${file}.jsonl`), text);
  }
  return folder;
}

const config = (seed: number, lr = 1e-3): object => ({
  env: { name: 'CartPole-v1' },
  ppoConfig: { lrActor: lr },
  seed,
  recipe: { env: 'CartPole-v1', seed, ppo: { lrActor: lr } },
  versions: { gymformer: '0.1.0', node: `20.${seed}` },
  createdAt: `2026-01-0${seed}`,
});
const returns = (...values: readonly (number | null)[]): object[] =>
  values.map((episodicReturn, i) => ({ update: i + 1, globalStep: 100 * (i + 1), episodicReturn, seconds: i }));

/** The values of an attribute of all elements of a kind, in a part of a picture. */
function elements(svg: string, selector: string): Element[] {
  return [...new DOMParser().parseFromString(svg, 'image/svg+xml', null).querySelectorAll(selector)];
}
type Element = { readonly textContent: string | null; getAttribute(name: string): string | null };
const texts = (svg: string): string[] => elements(svg, 'text').map(({ textContent }) => textContent ?? '');

describe('groups', () => {
  test('are runs that differ by their seed alone, and are named by what else differs', async () => {
    const paths = [config(1), config(2), config(1, 3e-4), config(3)].map((it) => run(it, { metrics: returns(1) }));
    const groups = groupRuns((await openRuns(paths, [])).runs);
    expect(groups.map(({ label, runs }) => [label, runs.map(({ path }) => path)])).toEqual([
      ['lrActor 0.001', [paths[0], paths[1], paths[3]]],
      ['lrActor 0.0003', [paths[2]]],
    ]);
  });

  test('look past the directory of a recipe, which has another name for each seed', async () => {
    const paths = ['a', 'b'].map((name) =>
      run({ kind: 'reward', dataset: join(root, name, 'labels.json'), seed: name }, { metrics: [] }, `${name}/reward`),
    );
    expect(groupRuns((await openRuns(paths, [])).runs)).toHaveLength(1);
  });

  test('are one each for runs that cannot say what they are', async () => {
    const paths = [run('{ torn', { metrics: returns(1) }), run('[]', { metrics: returns(1) })];
    const { runs, problems } = await openRuns(paths, ['episodicReturn']);
    expect(groupRuns(runs)).toHaveLength(2);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toContain(join(paths[0]!, 'config.json'));
  });
});

describe('what a run says', () => {
  test('is read past gaps, foreign lines and a torn end', async () => {
    const lines = ['{"globalStep":1,"loss":3}', 'hello', '{"globalStep":2}', '{"globalStep":3,"loss":1}', '{"globalS'];
    const path = run(config(1), { metrics: lines.join('\n') });
    const { runs, problems } = await openRuns([path], ['loss']);
    expect(curveOf(runs[0]!, 'globalStep', 'loss')).toEqual({ xs: [1, 3], ys: [3, 1] });
    expect(problems).toEqual([expect.stringContaining('1 line left out')]);
  });

  test('is what came last, where it went back to a checkpoint; clocks go on', async () => {
    const rows = [1, 2, 3, 2, 3, 4].map((step, i) => ({ step, loss: i, seconds: [5, 6, 7, 1, 2, 3][i]! }));
    const { runs } = await openRuns([run(config(1), { metrics: rows })], ['loss', 'seconds']);
    expect(curveOf(runs[0]!, 'step', 'loss')).toEqual({ xs: [1, 2, 3, 4], ys: [0, 3, 4, 5] });
    expect(curveOf(runs[0]!, 'seconds', 'loss').xs).toEqual([5, 6, 7, 8]);
  });
});

describe('learning curves', () => {
  test('draw a mean, a band and a legend', async () => {
    const paths = [run(config(1), { metrics: returns(1, 2, 3) }), run(config(2), { metrics: returns(3, 4, 5) })];
    const { pictures, problems, metrics } = await drawRuns(paths);
    expect(problems).toEqual([]);
    expect(metrics).toContain('episodicReturn');
    expect(pictures.map(({ name }) => name)).toEqual(['learning-curve']);
    const { svg } = pictures[0]!;
    expect(texts(svg)).toContain('CartPole-v1: return');
    expect(texts(svg)).toContain('environment steps');
    expect(texts(svg)).toContain('mean of 2 seeds, and one standard deviation');
    expect(elements(svg, '[aria-label=area] path')).toHaveLength(1);
    // The mean goes from 2 to 4 in a straight line, which the axis shows as such.
    const line = elements(svg, '[aria-label=line] path').at(-1)!.getAttribute('d')!;
    const points = [...line.matchAll(/([\d.]+),([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
    expect(points).toHaveLength(240);
    const [[x0, y0], [x1, y1]] = [points[0]!, points.at(-1)!] as [[number, number], [number, number]];
    for (const [x, y] of points) expect(y).toBeCloseTo(y0 + ((x! - x0) / (x1 - x0)) * (y1 - y0), 1);
    expect(y1).toBeLessThan(y0);
  });

  test('draw any metrics, over any other', async () => {
    const path = run(config(1), {
      metrics: returns(1, 2, 3).map((row, i) => ({ ...row, valueLoss: i, myOwn: 2 * i })),
    });
    const { pictures } = await drawRuns([path], { metrics: [['valueLoss'], ['myOwn', 'valueLoss']], x: 'seconds' });
    expect(pictures.map(({ name }) => name)).toEqual(['valueLoss', 'myOwn']);
    expect(texts(pictures[0]!.svg)).toEqual(expect.arrayContaining(['value loss', 'time, s']));
    expect(texts(pictures[1]!.svg)).toEqual(expect.arrayContaining(['my own', 'value loss']));
  });

  test('are apart for what cannot be compared', async () => {
    const other = run({ env: { name: 'Acrobot-v1' }, seed: 1 }, { metrics: returns(-500) });
    const { pictures } = await drawRuns([run(config(1), { metrics: returns(1) }), other]);
    expect(pictures.map(({ name }) => name)).toEqual(['learning-curve-CartPole-v1', 'learning-curve-Acrobot-v1']);
  });
});

test('histograms show the first part of a run beside the last', async () => {
  const rows = Array.from({ length: 50 }, (_, i) => ({ episode: i + 1, return: i < 25 ? 0 : 1 }));
  const { pictures } = await drawRuns([run(config(1), { metrics: returns(1), episodes: rows })], {
    kinds: ['rewards'],
  });
  expect(pictures.map(({ name }) => name)).toEqual(['rewards']);
  const { svg } = pictures[0]!;
  expect(texts(svg)).toEqual(
    expect.arrayContaining(['first 20 %, mean 0', 'last 20 %, mean 1', 'share of episodes, %']),
  );
  const heights = elements(svg, '[aria-label=rect] rect').map((rect) => Number(rect.getAttribute('height')));
  // All of the first part at 0, none at 1, and the other way round.
  expect(heights.filter((height) => height > 0)).toHaveLength(2);
  expect(heights.filter((height) => height > 0)[0]).toBeCloseTo(heights.filter((height) => height > 0)[1]!, 6);
});

test('many values are put into bins, whose shares make a whole', async () => {
  const rows = Array.from({ length: 1000 }, (_, i) => ({ return: Math.sin(i) * i }));
  const { pictures } = await drawRuns([run(config(1), { completions: rows })], { kinds: ['rewards'] });
  const { svg } = pictures[0]!;
  expect(texts(svg)).toContain('return of a text');
  const bars = elements(svg, '[aria-label=rect] rect');
  expect(bars.length).toBeGreaterThan(20);
  const ticks = texts(svg).filter((text) => /^\d+$/.test(text));
  expect(ticks.length).toBeGreaterThan(2);
});

test('scores are drawn against divergence', async () => {
  const rows = Array.from({ length: 20 }, (_, i) => ({
    update: i + 1,
    globalStep: i,
    kl: i / 10,
    scores: Math.sqrt(i),
  }));
  const { pictures } = await drawRuns([run({ ...config(1), model: {} }, { metrics: rows })], { kinds: ['score-kl'] });
  const { svg } = pictures[0]!;
  expect(texts(svg)).toEqual(expect.arrayContaining(['KL from the reference, nats a text', 'score of a text']));
  expect(elements(svg, '[aria-label=dot] circle')).toHaveLength(21);
});

test('calibration is drawn of what trainReward has kept', async () => {
  const comparisons = [
    { rewards: [1, 0], best: 0 },
    { rewards: [0, 2], best: 1 },
    { rewards: [0, 'x'], best: 1 },
    { rewards: [0, 1], best: 7 },
  ];
  const path = run({ kind: 'reward', dataset: 'pairs.jsonl', seed: 1 }, { metrics: [{ step: 1, loss: 1 }] });
  writeFileSync(join(path, 'calibration.json'), JSON.stringify({ comparisons }));
  const { pictures } = await drawRuns([path], { kinds: ['calibration'] });
  expect(texts(pictures[0]!.svg)[0]).toBe('Reward model on pairs.jsonl: calibration');
  expect(texts(pictures[0]!.svg)[1]).toMatch(/^2 held-out comparisons/);
});

describe('whatever lies there', () => {
  test('broken and empty runs are named, and the rest is drawn', async () => {
    const good = run(config(1), { metrics: returns(1, 2) });
    const empty = run(config(2), {});
    const broken = run(config(3), { metrics: '\u0000\u0001 not a row\n'.repeat(3) });
    const { pictures, problems } = await drawRuns([good, empty, broken, join(root, 'nowhere')]);
    expect(pictures).toHaveLength(1);
    expect(problems).toEqual([
      expect.stringMatching(/metrics.jsonl: 3 lines left out/),
      expect.stringMatching(/nowhere: no run there/),
    ]);
  });

  test('nothing but numbers is drawn', async () => {
    const rows =
      '{"globalStep":1,"episodicReturn":NaN}\n{"globalStep":2,"episodicReturn":"7"}\n{"globalStep":"3","episodicReturn":1}\n';
    expect((await drawRuns([run(config(1), { metrics: rows })])).pictures).toEqual([]);
  });

  test('text is text, and the file well-formed', async () => {
    const nasty = `<script>alert("1")</script> & 'a' ]]> \u0000\ud800`;
    const figure = scoreAgainstKl({ title: nasty, paths: [], models: [{ name: nasty, kl: 1, score: 1 }] })!;
    const svg = await drawFigure({ ...figure, x: { label: nasty } });
    expect(svg).not.toContain('<script');
    expect(svg).not.toContain('\u0000');
    const shown = nasty.replace('\u0000', ' ').replace('\ud800', '\ufffd');
    expect(texts(svg).filter((text) => text === shown)).toHaveLength(3);
    // Skia refuses what is not XML.
    await svgToPng(svg);
  });

  test('a picture that cannot be drawn fails no run', async () => {
    const path = run(config(1), { metrics: returns(1, 2) });
    await drawMedia(path);
    expect(readdirSync(join(path, 'media'))).toEqual(['learning-curve.png', 'learning-curve.svg']);
    expect((await loadImage(join(path, 'media/learning-curve.png'))).width).toBe(1280);
    expect(readFileSync(join(path, 'media/learning-curve.svg'), 'utf8')).toMatch(/^<svg [^]*<\/svg>\n$/);
    const blocked = run(config(2), { metrics: returns(1, 2) });
    writeFileSync(join(blocked, 'media'), 'a file in the way');
    const warnings: string[] = [];
    await drawMedia(blocked, (warning) => warnings.push(warning));
    expect(warnings).toEqual([expect.stringContaining('no pictures were drawn')]);
  });
});

test('a PNG has letters, and twice the pixels', async () => {
  const figure = scoreAgainstKl({ title: 'A title', paths: [], models: [{ name: 'm', kl: 1, score: 1 }] })!;
  const svg = await drawFigure(figure);
  const image = await loadImage(await svgToPng(svg));
  expect(image.width).toBe(1280);
  expect(image.height).toBe(2 * Number(/ height="(\d+)"/.exec(svg)![1]));
  const context = createCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  const ink = (x: number, y: number, width: number, height: number): number => {
    const { data } = context.getImageData(2 * x, 2 * y, 2 * width, 2 * height);
    let dark = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i]! < 128) dark++;
    return dark;
  };
  expect(ink(14, 10, 60, 16)).toBeGreaterThan(200); // the title
  expect(ink(400, 10, 200, 16)).toBe(0); // nothing beside it
});
