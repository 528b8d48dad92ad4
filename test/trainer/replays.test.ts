import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CartPoleEnv, drawingOf, isReplay, make, type Replay, setWarningHandler } from '../../src/env/index.ts';
import { MLPActorNetwork, MLPCriticNetwork } from '../../src/rl/index.ts';
import { trainAgent } from '../../src/trainer/index.ts';
import { cartPoleNetworks, temporaryDirectory, tinyRun } from './tiny-run.ts';

const root = temporaryDirectory();

function readReplay(run: string, name: string): Replay {
  const replay: unknown = JSON.parse(readFileSync(join(run, 'replays', name), 'utf8'));
  if (!isReplay(replay)) throw new Error(`${name} is no replay`);
  return replay;
}

/** Names in the order of their episodes. */
function replaysOf(run: string): string[] {
  const numberOf = (name: string): number => Number(/^episode-(\d+)\.json$/.exec(name)?.[1]);
  return readdirSync(join(run, 'replays')).sort((a, b) => numberOf(a) - numberOf(b));
}

test('a run records the episodes that the schedule names, and one at its end', async () => {
  const run = join(root, 'schedule');
  const { episodeReturns } = await tinyRun(join(run, 'models'), { runDirectory: run, totalSteps: 640 });
  const names = replaysOf(run);
  const last = episodeReturns.length;
  expect(last).toBeGreaterThan(8);
  expect(names.at(-1)).toBe(`episode-${last}.json`);
  // 64 steps an update: an update may pass several of 1, 8 and 27, so fewer may be written.
  expect(names.length).toBeGreaterThanOrEqual(3);
  for (const name of names) expect(isReplay(readReplay(run, name))).toBe(true);
});

test('playing the actions of a replay again gives its states, rewards and return', async () => {
  const run = join(root, 'again');
  await tinyRun(join(run, 'models'), { runDirectory: run, envOptions: { suttonBartoReward: true } });
  const { envId, kwargs, frames, return: total } = readReplay(run, replaysOf(run).at(-1)!);
  expect([envId, kwargs]).toEqual(['CartPole-v1', { suttonBartoReward: true }]);
  const env = make('CartPole-v1', kwargs);
  env.reset({ seed: 7 });
  let sum = 0;
  frames.forEach(({ state, action, reward }, i) => {
    if (i > 0) sum += env.step(action as number)[1];
    const now = (env.unwrapped as CartPoleEnv).renderState()!;
    const { x, theta } = state as typeof now;
    expect([x, theta]).toEqual([Number(now.x.toPrecision(6)), Number(now.theta.toPrecision(6))]);
    expect(reward === 0 || reward === -1).toBe(true);
  });
  expect(total).toBe(sum);
});

test('actions that are arrays are written as lists', async () => {
  const run = join(root, 'pendulum');
  await trainAgent({
    envName: 'Pendulum-v1',
    actor: new MLPActorNetwork(3, 8, 1),
    critic: new MLPCriticNetwork(3, 8),
    maxEpisodes: 1,
    seed: 1,
    runDirectory: run,
  });
  const { frames } = readReplay(run, 'episode-1.json');
  expect(frames).toHaveLength(201);
  expect(frames[0]!.action).toBeNull();
  expect(frames[1]!.action).toEqual([expect.any(Number)]);
});

test('a replay is bounded, however long an episode goes on', async () => {
  const run = join(root, 'long');
  // Nobody who has learned so little reaches the goal of CliffWalking, which never cuts an episode off.
  await trainAgent({
    envName: 'CliffWalking-v1',
    actor: new MLPActorNetwork(48, 8, 4, { seed: 1 }),
    critic: new MLPCriticNetwork(48, 8, { seed: 2 }),
    maxTimesteps: 5000,
    totalSteps: 200,
    seed: 1,
    runDirectory: run,
  });
  const [name] = replaysOf(run);
  expect(readReplay(run, name!).frames).toHaveLength(1000);
  expect(statSync(join(run, 'replays', name!)).size).toBeLessThan(200_000);
});

test('algorithms without a critic record too; nothing is recorded when told so', async () => {
  const run = join(root, 'reinforce');
  const { actor } = cartPoleNetworks();
  const options = { envName: 'CartPole-v1', actor, algorithm: { name: 'reinforce' }, maxEpisodes: 8, seed: 3 } as const;
  await trainAgent({ ...options, runDirectory: run });
  expect(replaysOf(run)).toContain('episode-8.json');
  const silent = join(root, 'silent');
  await trainAgent({ ...options, runDirectory: silent, recordEpisodes: false });
  expect(existsSync(join(silent, 'replays'))).toBe(false);
});

test('a run that a signal ends, and that goes on, has the replays of one that never stopped', async () => {
  const [whole, run] = [join(root, 'whole'), join(root, 'broken-off')];
  await tinyRun(join(whole, 'models'), { runDirectory: whole, totalSteps: 640 });
  const controller = new AbortController();
  const onUpdateEnd = ({ updates }: { readonly updates: number }) => (updates === 3 ? controller.abort() : undefined);
  const models = join(run, 'models');
  const options = { runDirectory: run, totalSteps: 640 };
  const { stoppedBy } = await tinyRun(models, { ...options, signal: controller.signal, callbacks: { onUpdateEnd } });
  expect(stoppedBy).toBe('signal');
  await tinyRun(models, { ...options, resume: run });
  expect(replaysOf(run)).toEqual(replaysOf(whole));
});

test('recording changes nothing in what is learned', async () => {
  const [a, b] = [join(root, 'with'), join(root, 'without')];
  const recorded = await tinyRun(join(a, 'models'), { runDirectory: a });
  const plain = await tinyRun(join(b, 'models'), { runDirectory: b, recordEpisodes: false });
  expect(recorded.episodeReturns).toEqual(plain.episodeReturns);
  const weights = (run: string, path: string) =>
    readFileSync(join(run, 'models', path.split('/').at(-1)!, 'model.safetensors'));
  expect(weights(a, recorded.checkpoint).equals(weights(b, plain.checkpoint))).toBe(true);
});

test('an environment that fails while it is recorded does not end the run', async () => {
  const warnings: string[] = [];
  const before = setWarningHandler((message) => warnings.push(message));
  try {
    let made = 0;
    class Broken extends CartPoleEnv {
      readonly number = made++;
      override renderState(): never {
        throw new Error(`no picture of ${this.number}`);
      }
    }
    const run = join(root, 'broken');
    const env = (): Broken => {
      const one = new Broken();
      one.spec = make('CartPole-v1').unwrapped.spec;
      return one;
    };
    const { episodeReturns } = await tinyRun(join(run, 'models'), { env, runDirectory: run });
    expect(episodeReturns.length).toBeGreaterThan(0);
    expect(warnings).toEqual([expect.stringContaining('recording one failed: no picture of 2')]);
    expect(existsSync(join(run, 'replays'))).toBe(false);
  } finally {
    setWarningHandler(before);
  }
});

test('what is no replay is refused', () => {
  const frames = [{ state: { x: 0, theta: 0 }, action: null, reward: 0 }];
  const replay = { envId: 'CartPole-v1', kwargs: {}, episode: 1, return: 0, frames };
  expect(isReplay(replay)).toBe(true);
  for (const change of [
    { envId: 'Walker-v1' },
    { frames: [] },
    { frames: [{ state: { x: 0 }, action: null, reward: 0 }] },
    { frames: [...frames, null] },
    { return: null },
    { kwargs: null },
  ]) {
    expect(isReplay({ ...replay, ...change })).toBe(false);
  }
  expect(drawingOf(replay.envId)).toBeDefined();
});
