// The dashboard in a real Chromium: how soon its page and its first curve are there with 20 runs, how soon a new point is, and how it bears
// 20 runs of a million points each.

import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveDashboard } from '../src/dashboard/index.ts';
import { openChromium } from '../test/env/rendering/browser.ts';
import type { Benchmark } from './benchmark.ts';

const RUNS = 20;
const [FEW, MANY] = [1000, 1_000_000];

function writeRuns(root: string, rows: number): void {
  for (let run = 0; run < RUNS; run++) {
    const folder = join(root, `run-${String(run).padStart(2, '0')}`);
    mkdirSync(folder, { recursive: true });
    const createdAt = `2026-01-01T00:00:${String(run).padStart(2, '0')}Z`;
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ versions: {}, env: 'x', seed: run, createdAt }));
    const file = openSync(join(folder, 'metrics.jsonl'), 'w');
    for (let row = 0; row < rows; ) {
      let text = '';
      for (const end = Math.min(rows, row + 10_000); row < end; row++) {
        text += `{"update":${row + 1},"globalStep":${100 * row},"episodicReturn":${(run + 100 * Math.sin(row / 5000)).toFixed(3)}}\n`;
      }
      writeSync(file, text);
    }
    closeSync(file);
  }
}

/** Milliseconds to the first paint, to the first curve and to all; then to a new point, and to the answer to a zoom. */
async function timesWith(
  rows: number,
): Promise<Readonly<Record<'paint' | 'curve' | 'all' | 'point' | 'zoom', number>>> {
  const root = mkdtempSync(join(tmpdir(), 'gymformer-dashboard-'));
  writeRuns(root, rows);
  const browser = await openChromium();
  const began = performance.now();
  const served = await serveDashboard({ folder: root, port: 0 });
  try {
    const ready = performance.now() - began;
    const page = await browser.newPage();
    await page.goto(`${served.url}#view=charts`);
    await page.locator('figure.chart canvas').first().waitFor({ timeout: 300_000 });
    const curve = performance.now() - began;
    const painted = Number(await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime"));

    // All runs, to their last rows: the server answers for the whole of each file.
    const whole = `${served.url}api/series?${Array.from({ length: RUNS }, (_, i) => `run=run-${String(i).padStart(2, '0')}`).join('&')}&file=metrics&x=globalStep&y=episodicReturn&pixels=800`;
    for (;;) {
      const answer = await (await fetch(whole)).text();
      const { domain } = JSON.parse(answer.slice(0, answer.indexOf('\n'))) as { domain: [number, number] | null };
      if (domain !== null && domain[1] >= 100 * (rows - 1)) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const all = performance.now() - began;
    const zoomed = performance.now();
    await (await fetch(`${whole}&from=${20 * rows}&to=${25 * rows}`)).arrayBuffer();
    const zoom = performance.now() - zoomed;

    const last = `run-${RUNS - 1}`;
    const alone = await browser.newPage();
    await alone.goto(`${served.url}#view=charts&runs=1&run=${last}`);
    await alone.locator(`[aria-label^="episodic return: ${last}"]`).waitFor({ timeout: 60_000 });
    await alone.waitForTimeout(1500);
    // The last pixel's mean is told, and so changes with a row that lies far off.
    const label = `document.querySelector('[aria-label^="episodic return: ${last}"]')?.getAttribute('aria-label')`;
    const before = String(await alone.evaluate(label));
    const added = performance.now();
    appendFileSync(
      join(root, last, 'metrics.jsonl'),
      `${JSON.stringify({ update: rows + 1, globalStep: 100 * rows, episodicReturn: 1e7 })}\n`,
    );
    while (before === String(await alone.evaluate(label))) await alone.waitForTimeout(10);
    return { paint: ready + painted, curve, all, zoom, point: performance.now() - added };
  } finally {
    await browser.close();
    await served.close();
    rmSync(root, { recursive: true, force: true });
  }
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'paint',
      what: '20 runs of 1,000 rows: to the first paint',
      unit: 'ms',
      better: 'lower',
      target: { kind: 'value', limit: 1000 },
    },
    { key: 'curve', what: '... to the first curve', unit: 'ms', better: 'lower' },
    {
      key: 'point',
      what: '... a new row on screen',
      unit: 'ms',
      better: 'lower',
      target: { kind: 'value', limit: 1000 },
    },
    {
      key: 'paintOfMany',
      what: '20 runs of 1,000,000 rows: to the first paint',
      unit: 'ms',
      better: 'lower',
      target: { kind: 'value', limit: 1000 },
    },
    { key: 'allOfMany', what: '... until all rows are read and drawn', unit: 'ms', better: 'lower' },
    { key: 'zoomOfMany', what: '... the answer to a zoom into all runs', unit: 'ms', better: 'lower' },
    {
      key: 'pointOfMany',
      what: '... a new row on screen',
      unit: 'ms',
      better: 'lower',
      target: { kind: 'value', limit: 1000 },
    },
    { key: 'megabytes', what: '... memory of the server', unit: 'MB', better: 'lower' },
  ],
  peers: [],
  async measure() {
    await timesWith(10);
    const few = await timesWith(FEW);
    const many = await timesWith(MANY);
    return {
      paint: few.paint,
      curve: few.curve,
      point: few.point,
      paintOfMany: many.paint,
      allOfMany: many.all,
      zoomOfMany: many.zoom,
      pointOfMany: many.point,
      megabytes: process.resourceUsage().maxRSS / 1024,
    };
  },
};
