// Steps of CartPole through make's default wrappers, with random actions.

import { make } from '../src/env/index.ts';
import { type Benchmark, secondsOf } from './benchmark.ts';

function play(steps: number): void {
  const env = make('CartPole-v1');
  env.actionSpace.seed(1);
  env.reset({ seed: 1 });
  for (let step = 0; step < steps; step++) {
    const [, , terminated, truncated] = env.step(env.actionSpace.sample());
    if (terminated || truncated) env.reset();
  }
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'stepsPerSecond',
      what: 'CartPole-v1, make, random actions',
      unit: 'steps/s',
      better: 'higher',
      target: { kind: 'ratio', limit: 40 },
    },
  ],
  peers: [{ name: 'Gymnasium', script: 'cartpole.py' }],
  repeats: 5,
  measure() {
    play(200_000);
    const steps = 4_000_000;
    return { stepsPerSecond: steps / secondsOf(() => play(steps)) };
  },
};
