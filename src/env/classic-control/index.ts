import './register.ts';

export { AcrobotEnv, type AcrobotOptions } from './acrobot.ts';
export { CartPoleEnv, type CartPoleOptions } from './cartpole.ts';
export { CartPoleVectorEnv, type CartPoleVectorOptions } from './cartpole-vector.ts';
export { MountainCarEnv, type MountainCarOptions } from './mountain-car.ts';
export { MountainCarContinuousEnv } from './mountain-car-continuous.ts';
export { PendulumEnv, type PendulumOptions } from './pendulum.ts';
