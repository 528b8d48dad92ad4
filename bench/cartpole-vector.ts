// Steps of the native vector CartPole: 1,024 environments in one call, with random actions.

import { makeVec } from '../src/env/index.ts';
import { type Benchmark, secondsOf } from './benchmark.ts';

const ENVS = 1024;

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'stepsPerSecond',
      what: `vector CartPole-v1, ${ENVS} environments, sampling included`,
      unit: 'steps/s',
      better: 'higher',
      target: { kind: 'ratio', limit: 3 },
    },
    {
      key: 'stepsPerSecondPresampled',
      what: `vector CartPole-v1, ${ENVS} environments, actions given`,
      unit: 'steps/s',
      better: 'higher',
      target: { kind: 'ratio', limit: 3 },
    },
  ],
  peers: [{ name: 'Gymnasium', script: 'cartpole_vector.py', args: [String(ENVS)] }],
  repeats: 5,
  measure() {
    const envs = makeVec('CartPole-v1', { numEnvs: ENVS, vectorizationMode: 'vectorEntryPoint' });
    envs.actionSpace.seed(1);
    envs.reset({ seed: 1 });
    const batches = Array.from({ length: 64 }, () => envs.actionSpace.sample());
    const sampling = (count: number) =>
      secondsOf(() => {
        for (let step = 0; step < count; step++) envs.step(envs.actionSpace.sample());
      });
    const given = (count: number) =>
      secondsOf(() => {
        for (let step = 0; step < count; step++) envs.step(batches[step % batches.length]!);
      });
    sampling(3000);
    given(3000);
    const count = 10_000;
    return {
      stepsPerSecond: (count * ENVS) / sampling(count),
      stepsPerSecondPresampled: (count * ENVS) / given(count),
    };
  },
};
