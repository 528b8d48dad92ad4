// Low-rank adaptation: a frozen weight W is joined by B A, two thin matrices that alone are trained. Hu et al. 2021, arXiv
// 2106.09685. Files are those of Python's PEFT library, so that either side opens what the other saves.

import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { z } from 'zod';
import { constant, Dropout, Linear, Module, Parameter, SafetensorsFile, writeSafetensorsFile } from '../nn/index.ts';
import { defaultRng, type Generator } from '../random/index.ts';
import { assign, compile } from '../runtime/index.ts';
import { sameShape, showShape, type Tensor } from '../tensor/index.ts';
import { ModelError, type ModelType } from './models/config.ts';
import type { PretrainedModel } from './models/pretrained-model.ts';
import { SequenceClassifier } from './models/sequence-classifier.ts';
import { isShared } from './shared-weights.ts';

/** What adapters look like. */
export interface LoraConfig {
  /** Rows of A and columns of B. Default 8. */
  readonly r?: number | undefined;
  /** B A is multiplied by `alpha / r`. Default 8. */
  readonly alpha?: number | undefined;
  /** In training, the probability with which an adapter does not see an element of its input. Default 0. */
  readonly dropout?: number | undefined;
  /**
   * The ends of the names of the linear layers that get adapters, such as `q_proj` or `attn.c_proj`; or all of them but the head.
   * Default as PEFT: `c_attn` for GPT-2, `q_proj` and `v_proj` for Llama and Qwen 2.
   */
  readonly targetModules?: readonly string[] | 'all-linear' | undefined;
  /** Multiplies by `alpha / sqrt(r)` instead. Default false. Kalajdzievski 2023, arXiv 2312.03732. */
  readonly rsLora?: boolean | undefined;
}

type Settings = { readonly [K in keyof LoraConfig]-?: NonNullable<LoraConfig[K]> };

const DEFAULT_TARGETS: Readonly<Record<ModelType, readonly string[]>> = {
  gpt2: ['c_attn'],
  llama: ['q_proj', 'v_proj'],
  qwen2: ['q_proj', 'v_proj'],
};

/** A linear layer and its adapter. Stands where the layer stood; weight and bias keep their names. */
export class LoraLinear extends Module {
  /** The layer's own, frozen. */
  readonly weight: Linear['weight'];
  readonly bias: Linear['bias'];
  /** `[r, in]`, uniform in ±1 / sqrt(in) at first. */
  readonly lora_A: Linear;
  /** `[out, r]`, zeros at first, so that nothing changes before training. */
  readonly lora_B: Linear;
  readonly lora_dropout: Dropout;
  /** What B A is multiplied by. */
  readonly scaling: number;
  /** Whether the adapter takes part; a compiled function keeps what held when it was traced. See {@link withoutAdapters}. */
  enabled = true;
  readonly #base: Linear;
  readonly #settings: Settings;

  constructor(base: Linear, settings: Settings, generator: Generator) {
    super();
    const { r, alpha, dropout, rsLora } = settings;
    const [out, features] = base.weight.shape as [number, number];
    this.weight = base.weight;
    this.bias = base.bias;
    this.lora_A = new Linear(features, r, { bias: false, generator });
    this.lora_B = new Linear(r, out, { bias: false, weightInit: constant(0), generator });
    this.lora_dropout = new Dropout(dropout, { generator });
    this.scaling = alpha / (rsLora ? Math.sqrt(r) : r);
    this.#base = base;
    this.#settings = settings;
  }

  /** The layer without its adapter. */
  get base(): Linear {
    return this.#base;
  }

  get settings(): Settings {
    return this.#settings;
  }

  forward(x: Tensor): Tensor {
    const y = this.#base.forward(x);
    if (!this.enabled) return y;
    return y.add(this.lora_B.forward(this.lora_A.forward(this.lora_dropout.forward(x))).mul(this.scaling));
  }
}

/** A module in its place: `owner[key]` is `module`. */
interface Place {
  readonly path: string;
  readonly owner: Record<string, unknown>;
  readonly key: string;
  readonly module: Module;
}

/** Every module below `module`, with its path. */
function* places(module: Module | readonly unknown[], path = ''): globalThis.Generator<Place, void, undefined> {
  for (const [key, value] of Object.entries(module)) {
    if (!(value instanceof Module) && !Array.isArray(value)) continue;
    const below = path === '' ? key : `${path}.${key}`;
    if (value instanceof Module) {
      yield { path: below, owner: module as unknown as Record<string, unknown>, key, module: value };
    }
    if (!(value instanceof LoraLinear)) yield* places(value, below);
  }
}

function adapters(model: PretrainedModel): (Place & { readonly module: LoraLinear })[] {
  return [...places(model)].filter((place): place is Place & { readonly module: LoraLinear } => {
    return place.module instanceof LoraLinear;
  });
}

/** Whether a model has adapters. */
export function hasAdapters(model: PretrainedModel): boolean {
  return adapters(model).length > 0;
}

/**
 * Puts an adapter beside each of the chosen linear layers and freezes everything else (a classifier's head excepted), so that
 * optimizers made from the model's parameters afterwards train the adapters alone. Programs compiled before do not see them.
 *
 * @throws ModelError if the model has adapters already, or no layer is chosen. @throws RangeError for an unusable `r` or `dropout`.
 */
export function applyLora(
  model: PretrainedModel,
  config: LoraConfig = {},
  {
    seed,
  }: {
    /** Of A. Default: one from the operating system. */
    readonly seed?: number | bigint | undefined;
  } = {},
): void {
  const { r = 8, alpha = 8, dropout = 0, rsLora = false } = config;
  const targetModules = config.targetModules ?? DEFAULT_TARGETS[model.config.modelType];
  if (!Number.isInteger(r) || r < 1) throw new RangeError(`LoRA: r is ${r}, but must be a whole number of 1 or more`);
  if (adapters(model).length > 0) throw new ModelError('this model has adapters already: merge them first (mergeLora)');
  const linear = [...places(model)].filter(({ module }) => module instanceof Linear);
  const chosen = linear.filter(({ path }) =>
    targetModules === 'all-linear'
      ? path !== 'lm_head' && path !== 'score'
      : targetModules.some((end) => path === end || path.endsWith(`.${end}`)),
  );
  if (chosen.length === 0) {
    const names = [...new Set(linear.map(({ path }) => path.split('.').at(-1)!))];
    throw new ModelError(
      `LoRA: no linear layer's name ends in ${String(targetModules)}; there are ${names.join(', ')}, with what is before them`,
    );
  }
  model.freeze();
  if (model instanceof SequenceClassifier) model.score.unfreeze();
  const generator = defaultRng(seed);
  const settings = { r, alpha, dropout, targetModules, rsLora };
  for (const { owner, key, module } of chosen) owner[key] = new LoraLinear(module as Linear, settings, generator);
}

/**
 * What `trace` returns, with the model's adapters left out: inside a traced function it is the model as it was before training, which
 * serves as the reference of a KL penalty and costs no memory.
 */
export function withoutAdapters<T>(model: PretrainedModel, trace: () => T): T {
  const all = adapters(model).map(({ module }) => module);
  const before = all.map(({ enabled }) => enabled);
  for (const module of all) module.enabled = false;
  try {
    return trace();
  } finally {
    for (const [i, module] of all.entries()) module.enabled = before[i]!;
  }
}

/**
 * Adds the adapters to the weights and removes them. No parameter of its own is frozen afterwards. Weights that the model shares with others stay
 * as they are for those: what is added to them goes into memory of its own. Compile programs anew.
 */
export function mergeLora(model: PretrainedModel): void {
  for (const { owner, key, module } of adapters(model)) {
    const { weight, lora_A, lora_B, scaling, base } = module;
    const merged = isShared(weight) ? new Parameter(weight.shape) : weight;
    const merge = compile(() => [
      assign(merged.storage, lora_B.weight.matmul(lora_A.weight, { alpha: scaling }).add(weight)),
    ]);
    merge();
    merge.dispose();
    (base as { weight: Parameter }).weight = merged;
    owner[key] = base;
  }
  for (const parameter of model.parameters()) if (!isShared(parameter)) parameter.frozen = false;
}

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';
/** PEFT's wrappers around the model, by which its names begin. */
const PREFIX = 'base_model.model.';

/** Options of {@link saveLora}. */
export interface SaveLoraOptions {
  /** The name or folder of the model to which the adapters belong, for whoever loads them. */
  readonly baseModel?: string | undefined;
  /** Free text by key for the file of weights, which PEFT passes over. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * Saves the adapters alone, as PEFT does: adapter_config.json and adapter_model.safetensors.
 *
 * @throws ModelError if there are none.
 */
export async function saveLora(
  model: PretrainedModel,
  folder: string,
  { baseModel, metadata }: SaveLoraOptions = {},
): Promise<void> {
  const all = adapters(model);
  const first = all[0]?.module;
  if (first === undefined) throw new ModelError('this model has no adapters to save: see applyLora');
  const { r, alpha, dropout, rsLora } = first.settings;
  const classifier = model instanceof SequenceClassifier;
  const config = {
    peft_type: 'LORA',
    task_type: classifier ? 'SEQ_CLS' : 'CAUSAL_LM',
    base_model_name_or_path: baseModel ?? null,
    r,
    lora_alpha: alpha,
    lora_dropout: dropout,
    use_rslora: rsLora,
    // Their whole names: ends of names may mean more in other models.
    target_modules: all.map(({ path }) => path),
    // Whether weights lie [in, out] over there, as in GPT-2's Conv1D.
    fan_in_fan_out: all.some(({ path }) => model.checkpoint.isTransposed(`${path}.weight`)),
    bias: 'none',
    modules_to_save: classifier ? ['score'] : null,
    inference_mode: true,
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`);
  const saved = [...model.namedParameters()].filter(([name]) => isSaved(model, name));
  const tensors = saved.map(([name, { shape, storage }]) => {
    return [PREFIX + name, { shape, dtype: 'F32' as const, data: () => storage.data }] as const;
  });
  await writeSafetensorsFile(join(folder, WEIGHTS), new Map(tensors), { ...metadata, format: 'pt' });
}

function isSaved(model: PretrainedModel, name: string): boolean {
  return /\.lora_[AB]\.weight$/.test(name) || (model instanceof SequenceClassifier && name === 'score.weight');
}

const empty = z.union([z.null(), z.array(z.never()), z.record(z.string(), z.never())]);
const off = z.union([z.null(), z.literal(false)]);

const savedConfig = z.object({
  peft_type: z.literal('LORA'),
  base_model_name_or_path: z.string().nullish(),
  r: z.int().positive(),
  lora_alpha: z.number(),
  lora_dropout: z.number().min(0).lt(1).default(0),
  use_rslora: z.boolean().default(false),
  target_modules: z.union([z.array(z.string()), z.string()]),
  bias: z.literal('none').default('none'),
  modules_to_save: z.array(z.enum(['score', 'classifier'])).nullish(),
  rank_pattern: empty.optional(),
  alpha_pattern: empty.optional(),
  layers_to_transform: empty.optional(),
  layer_replication: empty.optional(),
  exclude_modules: empty.optional(),
  use_dora: off.optional(),
  use_qalora: off.optional(),
  lora_bias: off.optional(),
});

/**
 * Puts the adapters that PEFT, or {@link saveLora}, saved in `folder` into the model that they belong to. They go on being trained.
 *
 * @throws ModelError if a file is missing, asks for what is not supported, or does not fit the model; the model is then as before.
 */
export async function loadLora(model: PretrainedModel, folder: string): Promise<void> {
  const config = await readAdapterConfig(folder);
  const file = await SafetensorsFile.open(join(folder, WEIGHTS));
  const before = model.parameters().map((parameter) => [parameter, parameter.frozen] as const);
  try {
    applyLora(model, {
      r: config.r,
      alpha: config.lora_alpha,
      dropout: config.lora_dropout,
      rsLora: config.use_rslora,
      targetModules: targets(model, config.target_modules),
    });
    const wanted = new Map([...model.namedParameters()].filter(([name]) => isSaved(model, name)));
    const problems: string[] = [];
    for (const [name, { shape }] of wanted) {
      const found = file.tensors.get(PREFIX + name)?.shape;
      if (found === undefined) problems.push(`missing: ${PREFIX}${name} ${showShape(shape)}`);
      else if (!sameShape(found, shape)) {
        problems.push(`misshapen: ${PREFIX}${name} has shape ${showShape(found)}, not ${showShape(shape)}`);
      }
    }
    for (const name of file.tensors.keys()) {
      if (!name.startsWith(PREFIX) || !wanted.has(name.slice(PREFIX.length))) problems.push(`extra: ${name}`);
    }
    if (problems.length > 0) {
      throw new ModelError(
        `the adapters in '${folder}' do not fit this model:\n  ${problems.slice(0, 12).join('\n  ')}`,
      );
    }
    for (const [name, { storage }] of wanted) await file.readInto(PREFIX + name, storage.data);
  } catch (error) {
    for (const { owner, key, module } of adapters(model)) owner[key] = module.base;
    for (const [parameter, frozen] of before) parameter.frozen = frozen;
    throw error;
  } finally {
    await file.close();
  }
}

/** Whether `folder` holds adapters, not a whole model. */
export function isAdapterFolder(folder: string): boolean {
  return existsSync(join(folder, CONFIG));
}

/** What {@link saveLora} wrote beside the weights: which model they belong to, and the file's metadata. @throws as {@link loadLora} */
export async function readLoraFacts(folder: string): Promise<SaveLoraOptions> {
  const { base_model_name_or_path: baseModel } = await readAdapterConfig(folder);
  const file = await SafetensorsFile.open(join(folder, WEIGHTS));
  await file.close();
  return { baseModel: baseModel ?? undefined, metadata: file.metadata };
}

async function readAdapterConfig(folder: string): Promise<z.infer<typeof savedConfig>> {
  const path = join(folder, CONFIG);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new ModelError(`${path} cannot be read (${(error as Error).message}): it should be the folder of adapters`);
  }
  const result = savedConfig.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new ModelError(`${path} cannot be used:\n  ${problems.join('\n  ')}`);
}

/** What matching a pattern with all names may take; one that runs into itself takes years. */
const PATTERN_MILLISECONDS = 1000;

/** PEFT takes a list of ends of names, 'all-linear', or a regular expression for whole names. */
function targets(model: PretrainedModel, wanted: readonly string[] | string): readonly string[] | 'all-linear' {
  if (wanted === 'all-linear' || typeof wanted !== 'string') return wanted;
  const paths = [...places(model)].flatMap(({ path, module }) => (module instanceof Linear ? path : []));
  try {
    const pattern = new RegExp(`^(?:${wanted})$`);
    // The pattern comes from a file. Only a program that is run so can be given up.
    const matching = 'paths.filter((path) => pattern.test(path))';
    return [...(runInNewContext(matching, { paths, pattern }, { timeout: PATTERN_MILLISECONDS }) as string[])];
  } catch (error) {
    throw new ModelError(
      `target_modules is the pattern ${JSON.stringify(wanted).slice(0, 200)}, which cannot be used: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
