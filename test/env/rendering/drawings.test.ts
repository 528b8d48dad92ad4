// Every built-in environment has a picture, the same in Node and in a page. test/peers/rendering_live.py holds them against Gymnasium's.

import { readFileSync } from 'node:fs';
import Module from 'node:module';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CartPoleVectorEnv } from '../../../src/env/classic-control/index.ts';
import { checkEnv, DependencyNotInstalled, make, registry } from '../../../src/env/index.ts';
import { drawingOf, drawings } from '../../../src/env/rendering/drawings.ts';
import type { DrawnEnv } from '../../../src/env/rendering/drawn-env.ts';
import { type Frame, frameOf, isFrame } from '../../../src/env/rendering/frame.ts';

/** Gymnasium's, as printed by `gymnasium.make(id, render_mode="rgb_array")` of 1.3.0: ids, frames' heights and widths, frames a second. */
const SIZES: readonly (readonly [id: string, height: number, width: number, fps: number])[] = [
  ['CartPole-v0', 400, 600, 50],
  ['CartPole-v1', 400, 600, 50],
  ['MountainCar-v0', 400, 600, 30],
  ['MountainCarContinuous-v0', 400, 600, 30],
  ['Acrobot-v1', 500, 500, 15],
  ['Pendulum-v1', 500, 500, 30],
  ['FrozenLake-v1', 256, 256, 4],
  ['FrozenLake8x8-v1', 512, 512, 4],
  ['CliffWalking-v1', 240, 720, 4],
  ['CliffWalkingSlippery-v1', 240, 720, 4],
  ['Taxi-v4', 350, 550, 4],
  ['Blackjack-v1', 500, 600, 4],
];

afterEach(() => vi.restoreAllMocks());

function drawn(id: string, options?: object): DrawnEnv {
  const env = make(id, { renderMode: 'rgb_array', ...options });
  env.reset({ seed: 5 });
  return env.unwrapped as DrawnEnv;
}

test.each(SIZES)('%s gives frames of %i x %i pixels at %i a second', async (id, height, width, fps) => {
  const env = drawn(id);
  const frame = env.render();
  expect(isFrame(frame)).toBe(true);
  expect((frame as Frame).shape).toEqual([height, width, 3]);
  expect(env.metadata.renderFps).toBe(fps);
  expect(drawingOf(id)?.fps).toBe(fps);
  await checkEnv(env);
});

test('each id of SIZES is registered, and each drawing belongs to one of them', () => {
  for (const [id] of SIZES) expect(registry.has(id)).toBe(true);
  const drawnNames = SIZES.map(([id]) => id.replace(/-v\d+$/, ''));
  expect(Object.keys(drawings).sort()).toEqual([...new Set(drawnNames)].sort());
  expect(drawingOf('CoTEnv-v0')).toBeUndefined();
  expect(drawingOf('constructor')).toBeUndefined();
});

test.each(SIZES)('the states of %s are plain data, and what its drawing accepts', async (id) => {
  const env = drawn(id);
  env.actionSpace.seed(3);
  for (let step = 0; step < 20; step++) {
    const state = env.renderState();
    const read: unknown = JSON.parse(JSON.stringify(state));
    expect(read).toEqual(state);
    expect(drawingOf(id)?.accepts(read)).toBe(true);
    const [, , terminated] = await env.step(env.actionSpace.sample());
    if (terminated) await env.reset();
  }
});

test.each(Object.keys(drawings))('the drawing of %s refuses what is no state of it', (name) => {
  const { accepts } = drawings[name];
  for (const stray of [
    null,
    undefined,
    3,
    'x',
    [],
    {},
    { x: 'a', theta: 0 },
    { cell: -1, lastAction: null, desc: [] },
  ]) {
    expect(accepts(stray)).toBe(false);
  }
});

test('a moved cart-pole is drawn elsewhere: Gymnasium has 125 pixels a metre, the cart 100 pixels above the ground', () => {
  const env = drawn('CartPole-v1');
  const black = (frame: Frame, x: number, y: number): boolean => frame[(y * 600 + x) * 3] === 0;
  for (const x of [0, 1, -2]) {
    Reflect.set(env, 'state', [x, 0, 0, 0]);
    const frame = env.render() as Frame;
    expect(black(frame, 300 + 125 * x + 20, 310)).toBe(true);
    expect(black(frame, 300 + 125 * x + 40, 310)).toBe(false);
  }
});

test('the vector of cart-poles draws each as CartPole does', () => {
  const envs = new CartPoleVectorEnv({ numEnvs: 3, renderMode: 'rgb_array' });
  expect(envs.render()).toBeNull();
  const [observations] = envs.reset({ seed: 1 });
  const single = drawn('CartPole-v1');
  envs.render()?.forEach((frame, i) => {
    Reflect.set(single, 'state', [...observations.subarray(4 * i, 4 * i + 4)]);
    expect(frame.shape).toEqual([400, 600, 3]);
    expect(Buffer.compare(frame, single.render() as Frame)).toBe(0);
  });
});

test('without the render mode nothing is drawn', () => {
  const env = make('CartPole-v1');
  env.reset();
  expect(env.render()).toBeNull();
});

test('without @napi-rs/canvas the error says how to get it', () => {
  // Frames of another size than any other test's: the canvas that is kept is not used.
  const env = drawn('FrozenLake-v1', { desc: ['SFG'] });
  const internals = Module as unknown as { _load: (name: string, ...rest: unknown[]) => unknown };
  const load = internals._load;
  vi.spyOn(internals, '_load').mockImplementation((name, ...rest) => {
    if (name === '@napi-rs/canvas') throw new Error(`Cannot find module '${name}'`);
    return load(name, ...rest);
  });
  expect(() => env.render()).toThrow(DependencyNotInstalled);
  expect(() => env.render()).toThrow('npm install @napi-rs/canvas');
});

test('a frame knows its shape, and must fit it', () => {
  expect(frameOf(new Uint8Array(18), 2, 3).shape).toEqual([2, 3, 3]);
  expect(() => frameOf(new Uint8Array(17), 2, 3)).toThrow('A frame of 2 x 3 pixels has 18 numbers, not 17');
  expect(isFrame(new Uint8Array(18))).toBe(false);
});

describe('what a page bundles', () => {
  test('imports nothing but its own kind', () => {
    const folder = new URL('../../../src/env/rendering/', import.meta.url);
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      const text = readFileSync(new URL(name, folder), 'utf8');
      for (const [, imported] of text.matchAll(/^import[^;]*? from '([^']*)';/gms)) {
        expect(imported, `import in ${name}`).toMatch(/^\.\/[\w-]+\.ts$/);
        visit(imported.slice(2));
      }
    };
    visit('drawings.ts');
    expect(seen.size).toBeGreaterThan(9);
  });
});
