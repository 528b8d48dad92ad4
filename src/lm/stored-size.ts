// How large a model is that is still in its files.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RawConfig, readConfig } from './models/config.ts';
import { parameterCount } from './models/parameter-count.ts';

/** Weights of the model in a folder, by its config.json; 0 for one that is not there yet, or whose config.json cannot be read. */
export function storedParameters(folder: string): number {
  try {
    return parameterCount(readConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as RawConfig));
  } catch {
    // Whoever opens it says what is wrong.
    return 0;
  }
}
