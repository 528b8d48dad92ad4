// Recipes of every kind, in YAML.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ZodType } from 'zod';
import { CliError } from '../../src/cli/cli-error.ts';
import { kindOfRecipe, readRecipe, readRecipeOf } from '../../src/cli/recipe.ts';
import { dpoRecipeSchema } from '../../src/cli/dpo-schema.ts';
import { reasoningRecipeSchema } from '../../src/cli/reasoning-schema.ts';
import { rlhfRecipeSchema } from '../../src/cli/rlhf-schema.ts';
import { rewardRecipeSchema } from '../../src/cli/reward-schema.ts';
import { sftRecipeSchema } from '../../src/cli/sft-schema.ts';
import type { Target } from '../target.ts';

const SCHEMAS = new Map<string, ZodType<object>>([
  ['sft', sftRecipeSchema],
  ['reward', rewardRecipeSchema],
  ['dpo', dpoRecipeSchema],
  ['reasoning', reasoningRecipeSchema],
  ['rlhf', rlhfRecipeSchema],
]);
const RECIPES = join(process.cwd(), 'recipes');

const target: Target = {
  words: [
    '&a [*a]',
    '<<: *x',
    '!!js/function "f"',
    '? ',
    '- ',
    ': ',
    '\n  ',
    '!!binary ',
    '&x ',
    '*x',
    '"\\u0000"',
    '1_000',
    '.inf',
    '~',
    'kind: sft',
    '%YAML 1.2\n---',
  ],
  refusals: [CliError],
  wrapsLibrary: true,
  seeds: () => readdirSync(RECIPES).map((file) => Uint8Array.from(readFileSync(join(RECIPES, file)))),
  read(bytes, folder) {
    const path = join(folder, 'recipe.yaml');
    writeFileSync(path, bytes);
    const schema = SCHEMAS.get(kindOfRecipe(path));
    if (schema === undefined) readRecipe(path);
    else readRecipeOf<object>(schema, path);
  },
};
export default target;
