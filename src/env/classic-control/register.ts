// The classic control tasks under their ids, with Gymnasium's limits and thresholds.

import { onlyKnown } from '../checks.ts';
import { register } from '../registry.ts';
import { AcrobotEnv, type AcrobotOptions } from './acrobot.ts';
import { CartPoleEnv, type CartPoleOptions } from './cartpole.ts';
import { CartPoleVectorEnv, type CartPoleVectorOptions } from './cartpole-vector.ts';
import { MountainCarEnv, type MountainCarOptions } from './mountain-car.ts';
import { MountainCarContinuousEnv } from './mountain-car-continuous.ts';
import { PendulumEnv, type PendulumOptions } from './pendulum.ts';

declare module '../env-types.ts' {
  interface EnvTypes {
    'CartPole-v0': CartPoleEnv;
    'CartPole-v1': CartPoleEnv;
    'MountainCar-v0': MountainCarEnv;
    'MountainCarContinuous-v0': MountainCarContinuousEnv;
    'Pendulum-v1': PendulumEnv;
    'Acrobot-v1': AcrobotEnv;
  }
}

const CART_POLE = { suttonBartoReward: true, renderMode: true } as const;
const MOUNTAIN_CAR = { goalVelocity: true, renderMode: true } as const;

function cartPole(kwargs: CartPoleOptions): CartPoleEnv {
  return new CartPoleEnv(onlyKnown('CartPole', kwargs, CART_POLE));
}

function cartPoles(kwargs: CartPoleVectorOptions): CartPoleVectorEnv {
  return new CartPoleVectorEnv(onlyKnown('CartPole', kwargs, { ...CART_POLE, numEnvs: true, maxEpisodeSteps: true }));
}

register<CartPoleOptions>({
  id: 'CartPole-v0',
  entryPoint: cartPole,
  vectorEntryPoint: cartPoles,
  maxEpisodeSteps: 200,
  rewardThreshold: 195,
});

register<CartPoleOptions>({
  id: 'CartPole-v1',
  entryPoint: cartPole,
  vectorEntryPoint: cartPoles,
  maxEpisodeSteps: 500,
  rewardThreshold: 475,
});

register<MountainCarOptions>({
  id: 'MountainCar-v0',
  entryPoint: (kwargs) => new MountainCarEnv(onlyKnown('MountainCar', kwargs, MOUNTAIN_CAR)),
  maxEpisodeSteps: 200,
  rewardThreshold: -110,
});

register<MountainCarOptions>({
  id: 'MountainCarContinuous-v0',
  entryPoint: (kwargs) => new MountainCarContinuousEnv(onlyKnown('MountainCarContinuous', kwargs, MOUNTAIN_CAR)),
  maxEpisodeSteps: 999,
  rewardThreshold: 90,
});

register<PendulumOptions>({
  id: 'Pendulum-v1',
  entryPoint: (kwargs) => new PendulumEnv(onlyKnown('Pendulum', kwargs, { g: true, renderMode: true })),
  maxEpisodeSteps: 200,
});

register<AcrobotOptions>({
  id: 'Acrobot-v1',
  entryPoint: (kwargs) => new AcrobotEnv(onlyKnown('Acrobot', kwargs, { renderMode: true })),
  maxEpisodeSteps: 500,
  rewardThreshold: -100,
});
