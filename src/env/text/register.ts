// The token environments under their ids.

import { register } from '../registry.ts';
import { CoTEnv, type CoTEnvOptions } from './cot-env.ts';
import { RLHFEnv, type RLHFEnvOptions } from './rlhf/rlhf-env.ts';

declare module '../env-types.ts' {
  interface EnvTypes {
    'CoTEnv-v0': CoTEnv;
    'RLHFEnv-v0': RLHFEnv;
  }
}

register<CoTEnvOptions>({ id: 'CoTEnv-v0', entryPoint: (kwargs) => new CoTEnv(kwargs) });
register<RLHFEnvOptions>({ id: 'RLHFEnv-v0', entryPoint: (kwargs) => new RLHFEnv(kwargs) });
