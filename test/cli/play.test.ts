// A person plays, and watches an agent, in a real browser.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drawFrame } from '../../src/env/rendering/frame.ts';
import { cliffWalkingDrawing } from '../../src/env/rendering/cliff-walking.ts';
import { chromiumPath, openChromium } from '../env/rendering/browser.ts';
import { temporaryDirectory, tinyRun } from '../trainer/tiny-run.ts';
import { gymformer, start } from './command.ts';

const root = temporaryDirectory();

/** The first address that a command prints. */
async function addressOf(command: ReturnType<typeof start>): Promise<string> {
  for (;;) {
    const address = /http:\/\/127\.0\.0\.1:\d+\//.exec(command.output.stdout + command.output.stderr)?.[0];
    if (address !== undefined) return address;
    if (command.child.exitCode !== null) throw new Error(`it ended: ${command.output.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const POLL = { timeout: 30_000, interval: 20 };

/** Waits until an element has this text. */
async function shows(page: Page, id: string, text: string | RegExp): Promise<void> {
  const poll = expect.poll(() => page.locator(`#${id}`).textContent(), POLL);
  await (typeof text === 'string' ? poll.toBe(text) : poll.toMatch(text));
}

/** How many frames the page has drawn. */
async function framesOf(page: Page): Promise<number> {
  return Number(await page.locator('body').getAttribute('data-frames'));
}

/** What the page has drawn, RGBA. In words, for there are no types of the browser here. */
function pictureOf(page: Page): Promise<{ width: number; height: number; pixels: number[] }> {
  return page.evaluate(`(() => {
    const { width, height } = document.querySelector('canvas');
    const { data } = document.querySelector('canvas').getContext('2d').getImageData(0, 0, width, height);
    return { width, height, pixels: [...data] };
  })()`);
}

describe.skipIf(chromiumPath === undefined)('in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(() => browser.close());

  async function open(url: string): Promise<{ page: Page; problems: string[] }> {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await page.goto(url);
    return { page, problems };
  }

  const facts = async (page: Page): Promise<(string | null)[]> =>
    Promise.all(['episode', 'length', 'return', 'last-return'].map((id) => page.locator(`#${id}`).textContent()));

  test('CliffWalking waits for keys, counts, restarts, and is drawn as in Node', async () => {
    const command = start(['play', 'CliffWalking-v1', '--seed', '1']);
    const { page, problems } = await open(await addressOf(command));
    await shows(page, 'title', 'CliffWalking-v1');
    const press = async (key: string, steps: number): Promise<void> => {
      await page.keyboard.press(key);
      await shows(page, 'length', String(steps));
    };
    await press('ArrowUp', 1);
    await press('ArrowRight', 2);
    expect(await facts(page)).toEqual(['1', '2', '-2', '–']);

    const { width, height, pixels } = await pictureOf(page);
    const frame = drawFrame(cliffWalkingDrawing, { cell: 25, lastAction: 1 });
    expect([height, width, 3]).toEqual(frame.shape);
    const off = frame.reduce((sum, value, i) => sum + Math.abs(value - pixels[Math.floor(i / 3) * 4 + (i % 3)]!), 0);
    expect(off / frame.length).toBeLessThan(1);

    // Over the cliff, which costs 100, and along it to the goal.
    await press('ArrowDown', 3);
    expect((await facts(page))[2]).toBe('-102');
    await page.keyboard.press('r');
    await shows(page, 'length', '0');
    await press('ArrowUp', 1);
    for (let step = 2; step <= 12; step++) await press('ArrowRight', step);
    await press('ArrowDown', 13);
    expect(await facts(page)).toEqual(['1', '13', '-13', '-13']);
    expect(await page.locator('#status').textContent()).toContain('Episode over, with a return of -13');
    // Buttons do what keys do.
    await page.getByRole('button', { name: '↑ up' }).click();
    await shows(page, 'length', '0');
    expect((await facts(page))[0]).toBe('2');
    expect(problems).toEqual([]);
    command.child.kill('SIGINT');
    expect((await command.finished).stdout).toContain(
      'You played 1 episode of CliffWalking-v1, the best with a return of -13.',
    );
    await page.close();
  });

  test('CartPole goes on by itself while a key is held', async () => {
    const command = start(['play', 'CartPole-v1', '--seed', '1']);
    const { page, problems } = await open(await addressOf(command));
    await shows(page, 'status', 'Press a key to begin.');
    await page.keyboard.down('ArrowRight');
    await shows(page, 'status', /^Episode over/);
    await page.keyboard.up('ArrowRight');
    const [episode, length, total, last] = await facts(page);
    expect([episode, total, last]).toEqual(['1', length, length]);
    // Pushed to one side all the time, the pole falls within ten steps or so.
    expect(Number(length)).toBeLessThan(20);
    expect(problems).toEqual([]);
    command.child.kill('SIGINT');
    expect((await command.finished).code).toBe(0);
    await shows(page, 'status', 'It has ended.');
    await page.close();
  });

  test('an agent of a run is watched, one episode after another', async () => {
    const run = join(root, 'run');
    await tinyRun(join(run, 'checkpoints'), { runDirectory: run });
    const command = start(['watch', run, '--seed', '3']);
    const { page, problems } = await open(await addressOf(command));
    await expect.poll(async () => Number((await facts(page))[0]), POLL).toBeGreaterThanOrEqual(3);
    expect(await page.locator('#status').textContent()).toContain('ppo_CartPole-v1_episode');
    expect(await framesOf(page)).toBeGreaterThan(10);
    expect(problems).toEqual([]);
    command.child.kill('SIGINT');
    const { code, stdout } = await command.finished;
    expect(code).toBe(0);
    expect(stdout).toMatch(/CartPole-v1: \d+ episodes with a mean return of \d/);
    await page.close();
  });

  test('render mode human shows a plain loop of steps', async () => {
    const script = join(root, 'human.mts');
    const index = new URL('../../src/env/index.ts', import.meta.url).href;
    writeFileSync(
      script,
      `import { make } from '${index}';
      const env = make('Pendulum-v1', { renderMode: 'human' });
      env.reset({ seed: 1 });
      for (let step = 0; step < 150; step++) env.step(Float32Array.of(1));
      env.close();`,
    );
    const command = start([], script);
    const { page, problems } = await open(await addressOf(command));
    await expect.poll(() => framesOf(page), POLL).toBeGreaterThan(20);
    // The rod is of rgb(204, 77, 77).
    const colors = (await pictureOf(page)).pixels.filter((value, i) => i % 4 === 0 && value === 204).length;
    expect(colors).toBeGreaterThan(1000);
    expect((await command.finished).code).toBe(0);
    expect(problems.filter((problem) => !problem.includes('ERR_'))).toEqual([]);
    await page.close();
  });
});

test('watch writes a video', async () => {
  const run = join(root, 'filmed');
  await tinyRun(join(run, 'checkpoints'), { runDirectory: run });
  const video = join(root, 'agent.gif');
  const { stdout, code } = await gymformer(['watch', run, '--video', video, '--seed', '1', '--episodes', '2']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/agent\.gif: [\d,]+ frames of CartPole-v1, returns [\d.]+, [\d.]+/);
  expect(readFileSync(video).subarray(0, 6).toString()).toBe('GIF89a');
});

test.each([
  [['play', 'CoTEnv-v0'], 'There are no keys for CoTEnv-v0. You can play CartPole'],
  [['play', 'CartPol-v1'], 'Did you mean: `CartPole`?'],
  [['play', 'CartPole-v1', '--fps', 'fast'], "--fps is 'fast', but must be a whole number of 1 or more"],
  [['watch', '/nowhere'], 'there is no run here'],
])('%j is refused', async (words, message) => {
  const { stderr, code } = await gymformer(words);
  expect(code).not.toBe(0);
  expect(stderr).toContain(message);
});

test('watch says what it cannot show', async () => {
  const empty = join(root, 'empty');
  mkdirSync(empty);
  expect((await gymformer(['watch', empty])).stderr).toContain('has no checkpoint yet');
  const run = join(root, 'named');
  await tinyRun(join(run, 'checkpoints'), { runDirectory: run });
  expect((await gymformer(['watch', run, '--video', 'x.avi'])).stderr).toContain('it must end in .gif, .webm or .mp4');
});
