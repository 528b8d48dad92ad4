// The token environments under their ids.

import { onlyKnown } from '../checks.ts';
import { EnvError } from '../errors.ts';
import { register } from '../registry.ts';
import { CoTEnv, type CoTEnvOptions } from './cot-env.ts';
import { RLHFEnv, type RLHFEnvOptions } from './rlhf/rlhf-env.ts';
import { RLHFVectorEnv, type RLHFVectorEnvOptions } from './rlhf/rlhf-vector-env.ts';

declare module '../env-types.ts' {
  interface EnvTypes {
    'CoTEnv-v0': CoTEnv;
    'RLHFEnv-v0': RLHFEnv;
  }
}

register<CoTEnvOptions>({ id: 'CoTEnv-v0', entryPoint: (kwargs) => new CoTEnv(kwargs) });

const RLHF = {
  tokenizer: true,
  dataset: true,
  reward: true,
  refModel: true,
  klCoef: true,
  klEstimator: true,
  maxGeneration: true,
  whitenRewards: true,
  missingEosPenalty: true,
  truncateAt: true,
  stopStrings: true,
  temperature: true,
  rewardTimeoutMs: true,
  rewardErrors: true,
  rewardRetries: true,
  renderMode: true,
} as const;

register<RLHFVectorEnvOptions>({
  id: 'RLHFEnv-v0',
  entryPoint: (kwargs) => new RLHFEnv(onlyKnown<RLHFEnvOptions>('RLHFEnv', kwargs, RLHF)),
  vectorEntryPoint: ({ maxEpisodeSteps, ...kwargs }) => {
    if (maxEpisodeSteps !== undefined) {
      throw new EnvError(`RLHFEnv: maxEpisodeSteps is ${maxEpisodeSteps}, but texts are limited by maxGeneration`);
    }
    return new RLHFVectorEnv(onlyKnown('RLHFEnv', kwargs, { ...RLHF, numEnvs: true, autoresetMode: true }));
  },
});
