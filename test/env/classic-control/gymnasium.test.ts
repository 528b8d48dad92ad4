// The classic control tasks against Gymnasium; see ../recorded-episodes.ts for the episodes. What comes from
// env-variants.json was recorded by test/fixtures/gymnasium/record_envs.py, function record_variants.

import { describe, test } from 'vitest';
import { AcrobotEnv } from '../../../src/env/classic-control/index.ts';
import type { Env, SyncEnv } from '../../../src/env/env.ts';
import { make } from '../../../src/env/make.ts';
import { expectClose, expectSameEpisodes, fixture } from '../recorded-episodes.ts';

interface Variants {
  readonly resets: Record<string, { readonly options: Record<string, number>; readonly state: number[] }>;
  readonly acrobot_nips: number[][];
}

const variants = fixture<Variants>('env-variants');
const classic = (id: string): SyncEnv & { readonly state: unknown } =>
  make<Env>(id, { disableEnvChecker: true }).unwrapped as SyncEnv & { readonly state: unknown };

describe('episodes recorded in Python', () => {
  test.each([
    'env-CartPole-v0',
    'env-CartPole-v1',
    'env-CartPole-v1-suttonbarto',
    'env-MountainCar-v0',
    'env-MountainCarContinuous-v0',
    'env-Pendulum-v1',
    'env-Pendulum-v1-g9.81',
    'env-Acrobot-v1',
  ])('%s', (name) => {
    expectSameEpisodes(name, (id, kwargs) => make<Env>(id, kwargs));
  });
});

test.each(Object.entries(variants.resets))('%s starts within the bounds of the reset options', (id, recorded) => {
  const env = classic(id);
  env.reset({ seed: 7, options: recorded.options });
  expectClose(env.state, recorded.state);
});

test("Acrobot follows the paper's equations when asked to", () => {
  const env = new AcrobotEnv();
  env.reset({ seed: 7 });
  env.bookOrNips = 'nips';
  variants.acrobot_nips.forEach((state, i) => {
    env.step(i % 4 < 2 ? 2 : 0);
    expectClose(env.state, state);
  });
});
