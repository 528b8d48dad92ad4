// The token environments under their ids.

import { register } from '../registry.ts';
import { CoTEnv, type CoTEnvOptions } from './cot-env.ts';

declare module '../env-types.ts' {
  interface EnvTypes {
    'CoTEnv-v0': CoTEnv;
  }
}

register<CoTEnvOptions>({ id: 'CoTEnv-v0', entryPoint: (kwargs) => new CoTEnv(kwargs) });
