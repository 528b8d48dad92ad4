// RenderCollection, RecordVideo and AddRenderObservation do what Gymnasium's documentation shows of its own.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  AddRenderObservation,
  type Box,
  checkEnv,
  type Dict,
  EnvError,
  type Frame,
  isFrame,
  make,
  RecordVideo,
  RenderCollection,
  type SyncEnv,
} from '../../../src/env/index.ts';
import { RemoteEnv } from '../fake-env.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gymformer-videos-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Plays whole episodes of random actions. */
function play(env: SyncEnv, episodes: number): number {
  let steps = 0;
  for (let episode = 0; episode < episodes; episode++) {
    env.reset({ seed: episode });
    for (let ended = false; !ended; steps++) {
      const [, , terminated, truncated] = env.step(env.actionSpace.sample());
      ended = terminated || truncated;
    }
  }
  return steps;
}

/** One step right on a lake without ice that slips: an episode ends after exactly three. */
const LAKE = { desc: ['SFFG'], isSlippery: false, renderMode: 'rgb_array' } as const;

function walk(env: SyncEnv, episodes: number): void {
  for (let episode = 0; episode < episodes; episode++) {
    env.reset();
    for (let step = 0; step < 3; step++) env.step(2);
  }
}

test('RenderCollection gives the pictures since render was called last', () => {
  const env = new RenderCollection(make('CartPole-v1', { renderMode: 'rgb_array' }));
  expect(env.renderMode).toBe('rgb_array_list');
  expect(env.metadata.renderModes).toContain('rgb_array_list');
  env.reset({ seed: 123 });
  for (let step = 0; step < 5; step++) env.step(step % 2);
  const frames = env.render();
  expect(frames).toHaveLength(6);
  expect(frames.every(isFrame)).toBe(true);
  expect(env.render()).toHaveLength(0);
});

test('RenderCollection keeps pictures over calls and episodes if told so', () => {
  const kept = new RenderCollection(make('FrozenLake-v1', LAKE), { popFrames: false });
  const all = new RenderCollection(make('FrozenLake-v1', LAKE), { popFrames: false, resetClean: false });
  for (const env of [kept, all]) walk(env as SyncEnv, 2);
  expect([kept.render().length, kept.render().length]).toEqual([4, 4]);
  expect([all.render().length, all.render().length]).toEqual([8, 8]);
});

test('make collects pictures for a render mode with _list behind it', () => {
  const env = make('FrozenLake-v1', { ...LAKE, renderMode: 'ansi_list' });
  walk(env, 1);
  const texts = env.render() as string[];
  expect(texts).toHaveLength(4);
  expect(texts.map((text) => text.split('\n')[0])).toEqual(['', ...Array(3).fill('  (Right)')]);
  expect(env.spec?.make().renderMode).toBe('ansi_list');
  expect(() => make('Blackjack-v1', { renderMode: 'ansi_list' })).toThrow("no render mode 'ansi'");
  expect(() => new RenderCollection(make('CartPole-v1'))).toThrow(EnvError);
});

test('RecordVideo writes each tenth of fifty episodes as its own file', async () => {
  const videoFolder = join(folder, 'tenth');
  const env = new RecordVideo(make('FrozenLake-v1', LAKE), {
    videoFolder,
    episodeTrigger: (episode) => episode % 10 === 0,
    format: 'gif',
  });
  expect(env.fps).toBe(4);
  walk(env as SyncEnv, 50);
  await env.close();
  expect(readdirSync(videoFolder).sort()).toEqual([0, 10, 20, 30, 40].map((n) => `rl-video-episode-${n}.gif`));
});

test('RecordVideo follows the capped cubic schedule when not told otherwise', async () => {
  const videoFolder = join(folder, 'cubic');
  const env = new RecordVideo(make('FrozenLake-v1', LAKE), { videoFolder, format: 'gif', namePrefix: 'lake' });
  walk(env as SyncEnv, 28);
  expect(env.recording).toBe(true);
  await env.close();
  expect(readdirSync(videoFolder).sort()).toEqual([0, 1, 27, 8].map((n) => `lake-episode-${n}.gif`));
});

test('RecordVideo starts with steps, and cuts to a length over the ends of episodes', async () => {
  const videoFolder = join(folder, 'steps');
  const env = new RecordVideo(make('CartPole-v1', { renderMode: 'rgb_array' }), {
    videoFolder,
    stepTrigger: (step) => step % 40 === 0,
    videoLength: 30,
    format: 'webm',
  });
  env.actionSpace.seed(1);
  const steps = play(env as SyncEnv, 4);
  await env.close();
  const expected = Array.from({ length: Math.ceil(steps / 40) }, (_, i) => `rl-video-step-${40 * i}.webm`);
  expect(readdirSync(videoFolder).sort()).toEqual(expected.sort());
});

test('RecordVideo tells at close what could not be written', async () => {
  const videoFolder = join(folder, 'gone');
  const env = new RecordVideo(make('FrozenLake-v1', LAKE), { videoFolder, format: 'gif' });
  env.reset();
  rmSync(videoFolder, { recursive: true });
  await expect(env.close()).rejects.toThrow('ENOENT');
});

test('RecordVideo needs frames', () => {
  const options = { videoFolder: folder };
  expect(() => new RecordVideo(make('FrozenLake-v1', { renderMode: 'ansi' }), options)).toThrow(
    "the render mode is ansi: make the environment with renderMode: 'rgb_array'",
  );
  expect(() => new RecordVideo(make('FrozenLake-v1', LAKE), { ...options, videoLength: -1 })).toThrow(RangeError);
});

test('AddRenderObservation gives the picture in place of the observation', () => {
  const env = new AddRenderObservation(make('CartPole-v1', { renderMode: 'rgb_array' }));
  expect(String(env.observationSpace)).toBe('Box(0, 255, (400, 600, 3), uint8)');
  const [first] = env.reset({ seed: 123 }) as [Frame, object];
  expect(Buffer.compare(first, env.render() as Frame)).toBe(0);
  const [next] = env.step(1) as unknown as [Frame];
  expect(Buffer.compare(next, env.render() as Frame)).toBe(0);
  expect(Buffer.compare(next, first)).not.toBe(0);
  expect(env.observationSpace.contains(next)).toBe(true);
});

test('AddRenderObservation gives both if told so', async () => {
  const env = new AddRenderObservation(make('CartPole-v1', { renderMode: 'rgb_array' }), { renderOnly: false });
  const { spaces } = env.observationSpace as Dict<{ state: Box; pixels: Box<'uint8'> }>;
  expect(Object.keys(spaces)).toEqual(['pixels', 'state']);
  const [{ state, pixels }] = env.reset({ seed: 1 }) as unknown as [{ state: Float32Array; pixels: Frame }];
  expect(state).toEqual(make('CartPole-v1').reset({ seed: 1 })[0]);
  expect(pixels.shape).toEqual([400, 600, 3]);
  const again = new AddRenderObservation(env, { renderOnly: false, renderKey: 'picture' });
  expect(Object.keys((again.observationSpace as Dict<Record<string, Box>>).spaces)).toEqual([
    'picture',
    'pixels',
    'state',
  ]);
  expect(() => new AddRenderObservation(env, { renderOnly: false })).toThrow("already have 'pixels'");
});

test('AddRenderObservation needs pictures, at once', () => {
  expect(() => new AddRenderObservation(make('CartPole-v1'))).toThrow(
    "make the environment with renderMode: 'rgb_array'",
  );
  const remote = new RemoteEnv();
  Object.assign(remote, { renderMode: 'rgb_array' });
  expect(() => new AddRenderObservation(remote)).toThrow('returns a promise');
});

test('the wrappers can be made again from their specification', async () => {
  const env = new AddRenderObservation(make('FrozenLake-v1', LAKE), { renderKey: 'view' });
  const again = env.spec?.make();
  expect(String(again)).toBe(String(env));
  expect(() => checkEnv(env.unwrapped)).not.toThrow();
});
