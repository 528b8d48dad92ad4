import './register.ts';

export { BlackjackEnv, type BlackjackObservation, type BlackjackOptions } from './blackjack.ts';
export { CliffWalkingEnv, type CliffWalkingOptions } from './cliff-walking.ts';
export { FROZEN_LAKE_MAPS, FrozenLakeEnv, type FrozenLakeOptions, generateRandomMap } from './frozen-lake.ts';
export { TabularEnv, type Transition, type TransitionTable } from './tabular.ts';
export { TaxiEnv, type TaxiOptions, type TaxiState } from './taxi.ts';
