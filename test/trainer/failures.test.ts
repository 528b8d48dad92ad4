// Whatever fails in the middle of a run, what was learned until then is saved, and a run that goes on from there is the run that would
// have been.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Env, make, type ResetOptions, type ResetResult, type StepResult, Wrapper } from '../../src/env/index.ts';
import { TextEnv, type TextPrompt } from '../../src/env/text/index.ts';
import { fromPretrained, Tokenizer } from '../../src/lm/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import { MLPActorNetwork } from '../../src/rl/index.ts';
import {
  CheckpointError,
  loadPPOAgent,
  TrainingFailedError,
  trainAgent,
  type TrainTextOptions,
} from '../../src/trainer/index.ts';
import type { MetricsRow } from '../../src/tracking/index.ts';
import { temporaryDirectory, tinyRun } from './tiny-run.ts';
import { digits, envOptions, tinyActor, tinyText, tokenizer } from './tiny-text.ts';

const root = temporaryDirectory();
let fresh = 0;
const freshPath = (): string => join(root, String(fresh++));

async function failureOf(run: Promise<unknown>): Promise<TrainingFailedError> {
  const error = await run.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TrainingFailedError);
  return error as TrainingFailedError;
}

/** Metrics but for what the clock says. */
const timeless = (rows: readonly MetricsRow[]): MetricsRow[] =>
  rows.map(({ seconds: _seconds, stepsPerSecond: _rate, memory: _memory, ...rest }) => rest);

/** A reward function that does what `bad` does from its call number `from` on. */
function failing(from: number, bad: () => number | Promise<number>) {
  let calls = 0;
  return (completion: string): number | Promise<number> => (++calls >= from ? bad() : digits(completion));
}

describe('a language model', () => {
  const resumed = async (checkpoint: string, options: Partial<TrainTextOptions>) => {
    const actor = tinyActor(99);
    const result = await tinyText(freshPath(), { ...options, actor, seed: undefined, resume: checkpoint });
    return { result, actor };
  };

  test.each([
    ['throws', () => Promise.reject(new Error('the judge is asleep')), /the judge is asleep/],
    ['answers NaN', () => Number.NaN, /NaN/],
    ['does not answer', () => new Promise<number>(() => {}), /30 ms/],
  ])('a reward function that %s costs nothing of what was learned', async (_name, bad, message) => {
    const runDirectory = freshPath();
    const options = { envOptions: { ...envOptions, rewardTimeoutMs: 30, reward: failing(20, bad) } };
    const run = tinyText('', { ...options, runDirectory, savePath: undefined });
    const error = await failureOf(run);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`resume: '${error.checkpoint}'`);
    expect(error.message).toContain('in update 3');
    const summary = JSON.parse(readFileSync(join(runDirectory, 'summary.json'), 'utf8')) as object;
    expect(summary).toMatchObject({ stoppedBy: 'failed', updates: 2, checkpoint: error.checkpoint });

    const whole = await tinyText(freshPath());
    const { result } = await resumed(error.checkpoint, {});
    expect(timeless(result.metrics)).toEqual(timeless(whole.metrics.slice(2)));
    expect(result.policy.stateDict()).toEqual(whole.policy.stateDict());
  });

  test('rewards that fail at once and later, in one step, end the run once: nothing is left to fail unheard', async () => {
    const unheard: unknown[] = [];
    const listener = (reason: unknown): void => void unheard.push(reason);
    process.on('unhandledRejection', listener);
    let made = 0;
    class Late extends TextEnv<number> {
      readonly #number = made++;
      constructor() {
        super({ tokenizer, maxGeneration: 3, endTokens: [] });
      }
      protected prompt(): TextPrompt<number> {
        return { prompt: '1+1=', context: 0 };
      }
      protected reward(): number | Promise<number> {
        if (++Late.rated <= 8) return Late.rated;
        if (this.#number % 2 === 1) throw new Error('at once');
        return new Promise((_, reject) => setTimeout(() => reject(new Error('later')), 5));
      }
      static rated = 0;
    }
    const error = await failureOf(tinyText(freshPath(), { env: () => new Late(), maxEpisodes: 100 }));
    expect(error.message).toContain('at once');
    expect(error.message).toContain('in update 2');
    await new Promise((resolve) => setTimeout(resolve, 30));
    process.off('unhandledRejection', listener);
    expect(unheard).toEqual([]);
  });

  test.each([
    [{ name: 'ppo', lrActor: 1e-3, updateEpochs: 2, minibatchSize: 4, lrSchedule: 'linear' }],
    [{ name: 'grpo', learningRate: 1e-3 }],
    [{ name: 'rloo', learningRate: 1e-3, updateEpochs: 2, minibatchSize: 4 }],
    [{ name: 'reinforce', learningRate: 1e-3, lrSchedule: 'linear' }],
  ] as const)('goes on as if it had never stopped: $name', async (algorithm) => {
    const whole = await tinyText(freshPath(), { algorithm });
    const callbacks = { onUpdateEnd: ({ updates }: { updates: number }) => updates < 2 };
    const broken = await tinyText(freshPath(), { algorithm, callbacks });
    const never = await tinyText(freshPath(), { algorithm, signal: AbortSignal.abort() });
    const controller = new AbortController();
    // In the middle of the second rollout.
    const onEpisodeEnd = ({ episode }: { episode: number }) => episode === 11 && controller.abort();
    const once = await tinyText(freshPath(), {
      algorithm,
      callbacks: { onEpisodeEnd: (e) => void onEpisodeEnd(e) },
      signal: controller.signal,
    });
    expect([broken.updates, never.updates, once.updates]).toEqual([2, 0, 1]);
    for (const { checkpoint, updates } of [broken, never, once]) {
      const { result } = await resumed(checkpoint, { algorithm });
      expect(timeless(result.metrics)).toEqual(timeless(whole.metrics.slice(updates)));
      // Without a directory, a run knows of its own episodes alone.
      const before = whole.episodeReturns.length - result.episodeReturns.length;
      expect(before).toBe((whole.episodeReturns.length / whole.updates) * updates);
      expect(result.episodeReturns).toEqual(whole.episodeReturns.slice(before));
      expect(result.runningRewards).toEqual(whole.runningRewards.slice(before));
      expect([result.episodes, result.meanReturn]).toEqual([whole.episodes, whole.meanReturn]);
      expect(result.policy.stateDict()).toEqual(whole.policy.stateDict());
      expect([result.steps, result.updates, result.seed]).toEqual([whole.steps, whole.updates, 5]);
    }
  });

  test('a checkpoint is a folder to generate from, with its tokenizer', async () => {
    const { checkpoint } = await tinyText(freshPath(), { maxEpisodes: 8 });
    expect(readdirSync(checkpoint).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
      'training.json',
      'training.safetensors',
    ]);
    await fromPretrained(checkpoint);
    expect((await Tokenizer.fromPretrained(checkpoint)).encode('1+2=')).toEqual(tokenizer.encode('1+2='));
  });

  test('does not go on from a checkpoint of another run', async () => {
    const { checkpoint } = await tinyText(freshPath(), { maxEpisodes: 8 });
    const resume = (more: Partial<TrainTextOptions>) => tinyText(freshPath(), { ...more, resume: checkpoint });
    await expect(resume({ seed: 9 })).rejects.toThrow('seed was 5 and is 9');
    await expect(resume({ numEnvs: 2 })).rejects.toThrow('numEnvs was 4 and is 2');
    await expect(resume({ algorithm: { name: 'rloo' } })).rejects.toThrow('algorithm was grpo and is rloo');
    await expect(tinyText(freshPath(), { resume: join(root, 'nowhere') })).rejects.toThrow('there is no checkpoint');
    const training = join(checkpoint, 'training.json');
    const text = readFileSync(training, 'utf8');
    for (const broken of [
      text.slice(0, -1),
      text.replace('gymformer-text', 'gymformer-sft'),
      text.replace('"PCG64"', '3'),
    ]) {
      writeFileSync(training, broken);
      await expect(resume({})).rejects.toThrow(CheckpointError);
    }
  });

  test('a disk that fails: the error names what failed and the last checkpoint', async () => {
    const savePath = freshPath();
    const blocked = (path: string): void => {
      // Nothing can be made below a file.
      rmSync(savePath, { recursive: true });
      writeFileSync(savePath, path);
    };
    const error = await failureOf(tinyText(savePath, { saveInterval: 8, callbacks: { onCheckpoint: blocked } }));
    expect(error.message).toMatch(/could not be saved .*; .*episode_8 is the last checkpoint/);
    expect(error.checkpoint).toBe(join(savePath, 'grpo_CoTEnv-v0_episode_8'));
  });
});

describe('any environment', () => {
  /** Breaks down at a step. */
  class Breaking extends Wrapper<Env<Float32Array, number>> {
    static left = 0;
    override reset(options?: ResetOptions): ResetResult<Float32Array> {
      return this.env.reset(options) as ResetResult<Float32Array>;
    }
    override step(action: number): StepResult<Float32Array> {
      if (--Breaking.left === 0) throw new Error('the pole is broken');
      return this.env.step(action) as StepResult<Float32Array>;
    }
  }
  const breaking = (): Env => new Breaking(make('CartPole-v1') as Env<Float32Array, number>);

  test.each(Array.from(defaultRng(1).integers(140, 600, { size: 3 })))(
    'PPO: breaks at step %i, and keeps its agent',
    async (step) => {
      Breaking.left = step;
      const error = await failureOf(tinyRun(freshPath(), { env: breaking, totalSteps: 10_000 }));
      expect(error.message).toContain('the pole is broken');
      expect(error.message).toContain(`loadPPOAgent('${error.checkpoint}')`);
      const { counters } = loadPPOAgent(error.checkpoint).details;
      // All but the rollout of 2 times 64 steps under way.
      expect(counters!.steps).toBeLessThan(step);
      expect(counters!.steps).toBeGreaterThanOrEqual(step - 128);
    },
  );

  test('before anything is learned there is nothing to save, and the error is that of the environment', async () => {
    Breaking.left = 20;
    const savePath = freshPath();
    await expect(tinyRun(savePath, { env: breaking })).rejects.toThrow(/^the pole is broken$/);
    expect(existsSync(savePath)).toBe(false);
  });

  test('GRPO: breaks, and keeps its agent', async () => {
    Breaking.left = 600;
    const options = { env: breaking, actor: new MLPActorNetwork(4, 8, 2, { seed: 1 }), runDirectory: null };
    const run = trainAgent({
      ...options,
      savePath: freshPath(),
      algorithm: { name: 'grpo' },
      updateInterval: 8,
      seed: 1,
    });
    const { checkpoint } = await failureOf(run);
    expect(loadPPOAgent(checkpoint).details).toMatchObject({ algorithm: 'grpo', networks: { critic: null } });
  });

  test('a callback that throws', async () => {
    const onUpdateEnd = ({ updates }: { updates: number }): void => {
      if (updates === 2) throw new Error('no more room for notes');
    };
    const error = await failureOf(tinyRun(freshPath(), { totalSteps: 10_000, callbacks: { onUpdateEnd } }));
    expect(error.message).toContain('no more room for notes');
    expect(loadPPOAgent(error.checkpoint).details.counters!.updates).toBe(2);
  });

  test('a run whose first checkpoint cannot be written says so', async () => {
    const savePath = freshPath();
    mkdirSync(root, { recursive: true });
    writeFileSync(savePath, '');
    const error = await failureOf(tinyRun(savePath, {}));
    expect(error.message).toMatch(/could not be saved .*no earlier checkpoint/);
    expect(error.checkpoint).toBe('');
  });
});
