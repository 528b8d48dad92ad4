// The page in a real Chromium, beside runs that really train.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Dashboard, serveDashboard } from '../../src/dashboard/index.ts';
import { chromiumPath, openChromium } from '../env/rendering/browser.ts';
import { tinyRun } from '../trainer/tiny-run.ts';
import { tinyText } from '../trainer/tiny-text.ts';
import { config, metrics, temporaryFolder, writeRun } from './runs.ts';

const INJECTIONS = [
  '<script>window.hacked = 1</script>',
  '<img src=x onerror="window.hacked = 1">',
  '"><svg onload="window.hacked = 1">',
  '<a href="javascript:window.hacked = 1">here</a>',
];

describe.skipIf(chromiumPath === undefined)('the page', () => {
  const root = temporaryFolder();
  const folder = join(root, 'runs');
  let served: Dashboard;
  let browser: Browser;
  const pages: Page[] = [];

  beforeAll(async () => {
    await tinyRun(join(root, 'cartpole-model'), { runDirectory: join(folder, 'cartpole') });
    await tinyText(join(root, 'text-model'), { runDirectory: join(folder, 'text') });
    writeRun(folder, 'broken', { 'config.json': '{"env": {"na', 'metrics.jsonl': 'not JSON\n', 'summary.json': '[]' });
    const text = INJECTIONS.join(' ');
    writeRun(folder, 'evil', {
      'config.json': { ...config, env: { name: text }, note: text },
      'metrics.jsonl': [{ update: 1, globalStep: 1, [text]: 1 }],
      'completions.jsonl': [
        { update: 1, prompt: text, completion: text, answer: text, correct: false, finishReason: text },
        { update: 1, prompt: text, completion: text, tokenTexts: INJECTIONS, logProbs: [-1, -2, -3, -4] },
      ],
      'replays/evil.json': { envId: text, episode: 1, return: 1, kwargs: {}, frames: [] },
    });
    served = await serveDashboard({ folder, port: 0 });
    browser = await openChromium();
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.close()));
  });
  afterAll(async () => {
    await browser?.close();
    await served?.close();
    rmSync(root, { recursive: true });
  });

  /** Opens the page; whatever it complains of fails the test. */
  async function open(url: string, size = { width: 1280, height: 800 }): Promise<{ page: Page; complaints: string[] }> {
    const page = await browser.newPage({ viewport: size });
    pages.push(page);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    await page.goto(url);
    return { page, complaints };
  }

  const show = (view: string, run: string) =>
    `${served.url}#${new URLSearchParams({ view, runs: '1', run }).toString()}`;

  test('charts of a real run', async () => {
    const { page, complaints } = await open(show('charts', 'cartpole'));
    await page.locator('figure.chart canvas').first().waitFor();
    const titles = await page.locator('figure.chart figcaption > span').allTextContents();
    expect(titles).toEqual(expect.arrayContaining(['episodic return', 'policy loss', 'entropy']));
    // Charts out of sight are not asked for.
    await page.locator('[role=img][aria-label^="policy loss"]').scrollIntoViewIfNeeded();
    await page.locator('[role=img][aria-label^="policy loss: cartpole "]').waitFor();
    expect(complaints).toEqual([]);
  });

  test('completions of a real language model, token by token, searched and before beside after', async () => {
    const { page, complaints } = await open(show('completions', 'text'));
    await page.locator('.completion').first().waitFor();
    expect(await page.locator('.completion').count()).toBe(30);
    const colored = await page.locator('.token[style*="background"]').count();
    expect(colored).toBeGreaterThan(10);
    await page.getByLabel('Order').selectOption('best');
    await page.getByLabel('Search prompts and completions').fill('no such text');
    await page.getByText('No text matches.').waitFor();
    await page.getByLabel('Search prompts and completions').fill('');
    await page.locator('.completion').first().waitFor();
    await page.getByRole('button', { name: 'Before / after' }).click();
    await page.locator('.pair').first().waitFor();
    expect(complaints).toEqual([]);
  });

  test('a recorded episode of a real run', async () => {
    const { page, complaints } = await open(show('replays', 'cartpole'));
    await page.locator('main canvas').waitFor();
    const pixels = "document.querySelector('main canvas').getContext('2d').getImageData(0, 0, 600, 400).data";
    const drawn = await page.evaluate(`new Set(${pixels}).size`);
    expect(drawn).toBeGreaterThan(3);
    expect(complaints).toEqual([]);
  });

  test('settings and how they differ', async () => {
    const { page, complaints } = await open(`${served.url}#view=config&runs=2&run=cartpole&run=text`);
    await page.locator('main table').first().waitFor();
    expect(await page.locator('main').innerText()).toMatch(/CartPole-v1[\s\S]*grpo|grpo[\s\S]*CartPole-v1/);
    expect(complaints).toEqual([]);
  });

  test('pictures', async () => {
    const { page, complaints } = await open(show('media', 'cartpole'));
    await page.locator('main img').first().waitFor();
    await expect.poll(() => page.evaluate("document.querySelector('main img').naturalWidth")).toBeGreaterThan(10);
    expect(complaints).toEqual([]);
  });

  test('a broken run says what is broken, beside runs that are whole', async () => {
    const { page, complaints } = await open(`${served.url}#view=charts&runs=2&run=broken&run=cartpole`);
    await page.locator('figure.chart canvas').first().waitFor();
    await page.locator('main .problem', { hasText: '1 lines of metrics.jsonl could not be read' }).waitFor();
    expect(await page.locator('.runs .problem').allTextContents()).toEqual([
      expect.stringContaining('config.json'),
      expect.stringContaining('summary.json'),
    ]);
    expect(complaints).toEqual([]);
  });

  test('an empty folder says how to begin', async () => {
    const empty = await serveDashboard({ folder: join(root, 'nothing'), port: 0 });
    try {
      const { page, complaints } = await open(empty.url);
      await page.getByText('No runs yet').waitFor();
      expect(complaints).toEqual([]);
    } finally {
      await empty.close();
    }
  });

  test('no script of a run ever runs', async () => {
    for (const view of ['charts', 'completions', 'replays', 'config', 'media']) {
      const { page, complaints } = await open(show(view, 'evil'));
      await page.locator('.run-text').first().waitFor();
      await page.waitForTimeout(500);
      if (view === 'completions') {
        expect(await page.locator('.completion').first().innerText()).toContain(INJECTIONS[0]);
        expect(await page.locator('.completion').count()).toBe(2);
      }
      expect(await page.evaluate("'hacked' in window")).toBe(false);
      const injected = 'main img[src="x"], main script, .app script, [onerror], [onload], a[href^="javascript"]';
      expect([view, await page.locator(injected).count()]).toEqual([view, 0]);
      expect(complaints).toEqual([]);
    }
  });

  test('works by keyboard', async () => {
    const { page } = await open(show('charts', 'cartpole'));
    const chart = page.locator('.plot').first();
    await page.locator('figure.chart canvas').first().waitFor();
    await chart.focus();
    await page.keyboard.press('ArrowLeft');
    await page.locator('.values:not([hidden])').first().waitFor();
    await page.keyboard.press('+');
    await expect.poll(() => page.url()).toContain('zoom=');
    await page.keyboard.press('Escape');
    await expect.poll(() => page.url()).not.toContain('zoom=');
    await page.keyboard.press('l');
    await expect.poll(() => page.url()).toContain('log=1');
    await page.keyboard.press('2');
    await expect.poll(() => page.url()).toContain('view=completions');
    const theme = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const before = await theme();
    await page.keyboard.press('t');
    await expect.poll(theme).not.toBe(before);
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  test('fits a phone', async () => {
    for (const view of ['charts', 'completions', 'replays', 'config', 'media']) {
      const { page } = await open(show(view, view === 'completions' ? 'text' : 'cartpole'), {
        width: 390,
        height: 844,
      });
      await page.locator('main > *').first().waitFor();
      await page.waitForTimeout(300);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      expect([view, width]).toEqual([view, 390]);
    }
  });

  test('a new point appears by itself', async () => {
    const path = writeRun(folder, 'growing', { 'config.json': config, 'metrics.jsonl': metrics([1, 2]) });
    const { page } = await open(show('charts', 'growing'));
    await page.locator('[aria-label="episodic return: growing 2"]').waitFor();
    appendFileSync(
      join(path, 'metrics.jsonl'),
      `${JSON.stringify({ update: 3, globalStep: 30, episodicReturn: 77 })}\n`,
    );
    await page.locator('[aria-label="episodic return: growing 77"]').waitFor({ timeout: 10_000 });
  });

  test('train --dashboard shows the run while it learns, and ends with it', async () => {
    const words = [
      'train',
      'CartPole-v1',
      '--dashboard',
      '--totalSteps',
      '2000000',
      '--runDirectory',
      join(root, 'live/run'),
    ];
    const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
    const training = spawn(process.execPath, ['--import', 'tsx', main, ...words], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(training, 'exit');
    let said = '';
    training.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    try {
      await expect.poll(() => said, { timeout: 60_000 }).toMatch(/Dashboard: http/);
      const url = /Dashboard: (\S+)/.exec(said)![1]!;
      const { page, complaints } = await open(url);
      const steps = page.locator('[role=img][aria-label^="episodic return: "]');
      const label = async () => (await steps.getAttribute('aria-label')) ?? '';
      await expect.poll(label, { timeout: 60_000 }).toMatch(/-?\d/);
      const first = await label();
      await expect.poll(label, { timeout: 60_000 }).not.toBe(first);
      await page.locator('.status.running').waitFor();
      expect(complaints).toEqual([]);
      training.kill('SIGINT');
      await ended;
      await expect
        .poll(
          () =>
            fetch(url).then(
              () => 'there',
              () => 'gone',
            ),
          { timeout: 20_000 },
        )
        .toBe('gone');
    } finally {
      training.kill('SIGKILL');
    }
  });
});
