// Models from a configuration alone, or from a folder of Hugging Face files, and back into such a folder.

import { defaultRng } from '../random/index.ts';
import { createCausalLM } from './models/architectures.ts';
import type { CausalLM } from './models/causal-lm.ts';
import { type RawConfig, readConfig } from './models/config.ts';

/**
 * A model of fresh random weights, distributed as transformers initialises them.
 *
 * @param config the object of a config.json; `model_type` names the architecture, what is left out has transformers' defaults.
 * @param options.seed of the weights. Default: one from the operating system.
 * @throws ModelError if the architecture is not supported, or a key has a value that cannot be used.
 */
export function fromConfig(
  config: RawConfig,
  { seed }: { readonly seed?: number | bigint | undefined } = {},
): CausalLM {
  return createCausalLM(readConfig(config), defaultRng(seed));
}
