import { expect, test } from 'vitest';
import { Box, Discrete, Env, type ResetResult, type StepResult } from '../../src/env/index.ts';
import { learnerFor, vectorOf } from './agents.ts';

/** An environment whose steps take a while, so that a rollout lasts for many turns of the event loop. */
class SlowEnv extends Env<Float32Array, number> {
  readonly observationSpace = new Box({ low: 0, high: 1, shape: [1] });
  readonly actionSpace = new Discrete(2);

  override reset(): ResetResult<Float32Array> {
    return [new Float32Array(1), {}];
  }

  override step(): StepResult<Float32Array> {
    const until = performance.now() + 5;
    while (performance.now() < until);
    return [new Float32Array(1), 1, false, false, {}];
  }
}

/** How often a timer that is always due is heard during `work`. */
async function timersHeardDuring(work: () => Promise<unknown>): Promise<number> {
  let heard = 0;
  const timer = setInterval(() => heard++, 1);
  try {
    await work();
    return heard;
  } finally {
    clearInterval(timer);
  }
}

// Both kinds of work go on for several times 50 ms, and neither waits for anything by itself: a timer that fires was let in.

test('timers and signals are heard while experience is collected', async () => {
  const { collector } = learnerFor(
    vectorOf(() => new SlowEnv()),
    { rolloutSteps: 100 },
  );
  expect(await timersHeardDuring(() => collector.collect({ steps: 100 }))).toBeGreaterThan(1);
});

test('timers and signals are heard during an update', async () => {
  const { collector, ppo } = learnerFor(
    vectorOf(() => new SlowEnv()),
    { minibatchSize: 1, updateEpochs: 2000 },
  );
  const rollout = await collector.collect({ steps: 10 });
  expect(await timersHeardDuring(() => ppo.update(rollout))).toBeGreaterThan(1);
});
