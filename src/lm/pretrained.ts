// Models from a configuration alone, or from a folder of Hugging Face files, and back into such a folder.

import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  type Parameter,
  SafetensorsFile,
  type TensorToWrite,
  uninitialized,
  writeSafetensorsFile,
} from '../nn/index.ts';
import { defaultRng } from '../random/index.ts';
import { sameShape, showShape, sizeOf } from '../tensor/index.ts';
import { downloadModel, type DownloadOptions } from './hub.ts';
import { createCausalLM, createClassifier } from './models/architectures.ts';
import type { CausalLM } from './models/causal-lm.ts';
import { type ModelConfig, ModelError, type RawConfig, readConfig } from './models/config.ts';
import { checkSize, checkSizeAgainst } from './models/parameter-count.ts';
import type { PretrainedModel } from './models/pretrained-model.ts';
import type { SequenceClassifier } from './models/sequence-classifier.ts';
import { shareParameters } from './shared-weights.ts';

/** Options of {@link fromConfig}. */
export interface FromConfigOptions {
  /** Of the weights. Default: one from the operating system. */
  readonly seed?: number | bigint | undefined;
}

/** Options of {@link classifierFromConfig} and {@link classifierFromPretrained}. */
export interface ClassifierOptions extends FromConfigOptions {
  /** How many scores a text gets. Default: as config.json says, or else 2, as transformers has it. A reward model has 1. */
  readonly numLabels?: number | undefined;
  /** Whether a folder without a head gets a fresh one; otherwise it is an error. Default true. */
  readonly freshHead?: boolean | undefined;
}

/**
 * A language model of fresh random weights, distributed as transformers initialises them.
 *
 * @param config the object of a config.json; `model_type` names the architecture, what is left out has transformers' defaults.
 * @throws ModelError if the architecture is not supported, or a key has a value that cannot be used.
 */
export function fromConfig(config: RawConfig, { seed }: FromConfigOptions = {}): CausalLM {
  const read = readConfig(config);
  checkSize(read);
  return createCausalLM(read, defaultRng(seed));
}

/** A classifier of fresh random weights: see {@link fromConfig}. */
export function classifierFromConfig(config: RawConfig, options: ClassifierOptions = {}): SequenceClassifier {
  const read = readConfig(withLabels(config, options));
  checkSize(read);
  return createClassifier(read, defaultRng(options.seed));
}

/**
 * The language model in a folder: config.json, model.safetensors (or its parts and their index) of float32, float16 or bfloat16
 * weights, and generation_config.json if there is one. Weights are read straight into their place, as float32.
 *
 * @param source a folder, or a model's name on the Hugging Face Hub, `owner/name`, which is downloaded once.
 * @param options of the download.
 * @throws HubError if a download fails.
 * @throws ModelError if a file is missing or wrong, the architecture is not supported, or the weights do not fit it.
 * @throws SafetensorsError if a file of weights is damaged.
 */
export async function fromPretrained(source: string, options: DownloadOptions = {}): Promise<CausalLM> {
  const folder = await modelFolder(source, options);
  const config = await readFolderConfig(folder, {});
  const { model } = await readModel(folder, config, () => createCausalLM(config, defaultRng(0)), new Set());
  return model;
}

/**
 * The classifier in a folder, or a language model's folder with a fresh head: see {@link fromPretrained}.
 *
 * @param options.seed of the head, if the folder has none.
 */
export async function classifierFromPretrained(
  source: string,
  options: ClassifierOptions & DownloadOptions = {},
): Promise<SequenceClassifier> {
  const folder = await modelFolder(source, options);
  const config = await readFolderConfig(folder, options);
  const optional = new Set(['score.weight']);
  const { model, missing } = await readModel(folder, config, () => createClassifier(config, defaultRng(0)), optional);
  if (missing.has('score.weight')) {
    if (options.freshHead === false) throw new ModelError(`'${folder}' has no head that scores texts (score.weight)`);
    drawHead(model, options);
  }
  return model;
}

/** A head as transformers initialises one, the same for a seed whatever else there is. */
function drawHead({ score, config }: SequenceClassifier, { seed }: ClassifierOptions): void {
  const { data } = score.weight.storage;
  defaultRng(seed).fillNormal(data);
  for (let i = 0; i < data.length; i++) data[i]! *= config.initializerRange;
}

/**
 * A classifier with a language model's Transformer and a fresh head.
 *
 * @throws ModelError if a model to be copied has adapters
 */
export function classifierFromCausalLM(
  model: CausalLM,
  {
    shareWeights = false,
    ...options
  }: ClassifierOptions & {
    /**
     * Whether it reads the language model's own weights, without its adapters, instead of a copy. Whatever trains these would change both,
     * so give each adapters of its own ({@link applyLora}). Default false.
     */
    readonly shareWeights?: boolean | undefined;
  } = {},
): SequenceClassifier {
  if (!shareWeights && [...model.namedParameters().keys()].some((name) => /\.lora_[AB]\./.test(name))) {
    throw new ModelError('this model has adapters: merge them first (mergeLora)');
  }
  const config = readConfig(withLabels(model.config.raw, options));
  const classifier = uninitialized(() => createClassifier(config, defaultRng(0)));
  if (shareWeights) shareParameters(classifier, model);
  else classifier.loadStateDict(model.stateDict(), { strict: false });
  drawHead(classifier, options);
  return classifier;
}

/** The folder of a model that may have to be downloaded first. */
export async function modelFolder(source: string, download: DownloadOptions = {}): Promise<string> {
  const found = await stat(source).catch(() => undefined);
  if (found?.isDirectory()) return source;
  if (found !== undefined) throw new ModelError(`'${source}' is a file: give the folder it is in`);
  // A name of the Hub, and not a path.
  if (/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(source)) return downloadModel(source, download);
  throw new ModelError(`there is no folder '${source}'; a model of the Hugging Face Hub is named owner/name`);
}

async function readFolderConfig(folder: string, options: ClassifierOptions): Promise<ModelConfig> {
  const config = await readJson(folder, 'config.json');
  if (config === undefined) {
    throw new ModelError(`'${folder}' has no config.json: it is not the folder of a Hugging Face model`);
  }
  return readConfig(withLabels(config, options), await readJson(folder, 'generation_config.json'));
}

function withLabels(config: RawConfig, { numLabels }: ClassifierOptions): RawConfig {
  if (numLabels === undefined) return config;
  const labels = Array.from({ length: numLabels }, (_, i) => `LABEL_${i}`);
  const { num_labels: _, ...rest } = config;
  return {
    ...rest,
    id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
  };
}

async function readJson(folder: string, name: string): Promise<RawConfig | undefined> {
  const path = join(folder, name);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ModelError(`${path} cannot be read: ${(error as Error).message}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ModelError(`${path} is no JSON (${(error as Error).message}): fetch it again`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new ModelError(`${path} is no JSON object: fetch it again`);
  }
  return json as RawConfig;
}

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/** The files of weights in `folder`. */
async function weightFiles(folder: string): Promise<string[]> {
  const files = await readdir(folder);
  if (files.includes(SINGLE)) return [join(folder, SINGLE)];
  if (!files.includes(INDEX)) {
    const other = files.find((name) => /\.(bin|pt|pth|h5|msgpack|gguf)$/.test(name));
    throw new ModelError(
      `'${folder}' has neither ${SINGLE} nor ${INDEX}` +
        (other === undefined
          ? ': its weights are missing'
          : `, only ${other}: convert it, with save_pretrained(..., safe_serialization=True) of transformers`),
    );
  }
  const index = await readJson(folder, INDEX);
  const map = index?.['weight_map'];
  if (typeof map !== 'object' || map === null) throw new ModelError(`${join(folder, INDEX)} has no weight_map`);
  const names = [...new Set(Object.values(map) as unknown[])];
  if (names.length === 0) throw new ModelError(`${join(folder, INDEX)} names no file of weights: fetch it again`);
  return names.map((name) => {
    // An index may come from anywhere: it must not name files elsewhere.
    if (typeof name !== 'string' || name !== basename(name) || !name.endsWith('.safetensors')) {
      throw new ModelError(
        `${join(folder, INDEX)} names '${String(name)}', which is no safetensors file of this folder`,
      );
    }
    if (!files.includes(name)) throw new ModelError(`'${folder}' has no ${name}, which ${INDEX} names: fetch it`);
    return join(folder, name);
  });
}

/**
 * A model with all its weights. It is made only when the files are known to hold about as much as the configuration says.
 *
 * @returns also the names of `optional` parameters that the files do not have.
 */
async function readModel<M extends PretrainedModel>(
  folder: string,
  config: ModelConfig,
  make: () => M,
  optional: ReadonlySet<string>,
): Promise<{ readonly model: M; readonly missing: ReadonlySet<string> }> {
  const files: SafetensorsFile[] = [];
  try {
    for (const path of await weightFiles(folder)) files.push(await SafetensorsFile.open(path));
    const shapes = files.flatMap(({ tensors }) => [...tensors.values()].map(({ shape }) => sizeOf(shape)));
    checkSize(config);
    checkSizeAgainst(
      config,
      shapes.reduce((sum, size) => sum + size, 0),
    );
    const model = uninitialized(make);
    return { model, missing: await readWeights(model, folder, files, optional) };
  } finally {
    for (const file of files) await file.close();
  }
}

/** Reads all weights into the model's parameters. */
async function readWeights(
  model: PretrainedModel,
  folder: string,
  files: readonly SafetensorsFile[],
  optional: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const parameters = model.namedParameters();
  const plan = planReading(model, parameters, files);
  const missing = new Set([...parameters.keys()].filter((name) => !plan.sources.has(name)));
  const lacking = [...missing].filter((name) => !optional.has(name));
  const problems = [
    ...plan.problems,
    ...lacking.map((name) => `missing: ${name} ${showShape(parameters.get(name)!.shape)}`),
  ];
  if (problems.length > 0) {
    const shown = problems.length > 12 ? [...problems.slice(0, 12), `and ${problems.length - 12} more`] : problems;
    throw new ModelError(
      `the weights in '${folder}' do not fit ${model.checkpoint.className} as config.json describes it:\n  ` +
        shown.join('\n  '),
    );
  }
  const transposed = [...plan.sources.keys()].filter((name) => model.checkpoint.isTransposed(name));
  // One for all: memory that is thrown away stays taken for a while.
  const scratch = new Float32Array(Math.max(0, ...transposed.map((name) => parameters.get(name)!.size)));
  for (const [name, { file, stored }] of plan.sources) {
    const parameter = parameters.get(name)!;
    const { data } = parameter.storage;
    if (model.checkpoint.isTransposed(name)) {
      const columns = scratch.subarray(0, data.length);
      await file.readInto(stored, columns);
      transpose(columns, parameter.shape[1]!, parameter.shape[0]!, data);
    } else {
      await file.readInto(stored, data);
    }
  }
  return missing;
}

/** Which tensor of which file belongs to which parameter, and what does not fit. */
function planReading(
  { checkpoint }: PretrainedModel,
  parameters: ReadonlyMap<string, Parameter>,
  files: readonly SafetensorsFile[],
) {
  const sources = new Map<string, { readonly file: SafetensorsFile; readonly stored: string }>();
  const problems: string[] = [];
  for (const file of files) {
    for (const [stored, { shape }] of file.tensors) {
      // The head of another task, and a tied head saved all the same, are left out.
      const name = [stored, checkpoint.prefix + stored].find((candidate) => parameters.has(candidate));
      if (name === undefined) {
        const known = checkpoint.isIgnored(checkpoint.prefix + stored) || checkpoint.isIgnored(stored);
        if (!known && !/^(lm_head|score)\./.test(stored)) problems.push(`extra: ${stored} ${showShape(shape)}`);
        continue;
      }
      const expected = parameters.get(name)!.shape;
      const fits = checkpoint.isTransposed(name) ? expected.toReversed() : expected;
      if (!sameShape(shape, fits)) {
        problems.push(`misshapen: ${stored} has shape ${showShape(shape)}, not ${showShape(fits)}`);
      }
      if (sources.has(name)) problems.push(`twice: ${stored}`);
      sources.set(name, { file, stored });
    }
  }
  return { sources, problems };
}

/** Writes the transpose of `from` `[rows, columns]` into `to`, by blocks that fit into the cache. */
function transpose(from: Float32Array, rows: number, columns: number, to: Float32Array): void {
  const BLOCK = 32;
  for (let top = 0; top < rows; top += BLOCK) {
    for (let left = 0; left < columns; left += BLOCK) {
      const [bottom, right] = [Math.min(rows, top + BLOCK), Math.min(columns, left + BLOCK)];
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) to[column * rows + row] = from[row * columns + column]!;
      }
    }
  }
}

/** Options of {@link savePretrained}. */
export interface SaveOptions {
  /** Saved beside the model, for whoever loads it. */
  readonly tokenizer?: { save(folder: string): unknown } | undefined;
  /** Element type of the weights. Default float32, which keeps them exactly. */
  readonly dtype?: 'float32' | 'float16' | 'bfloat16' | undefined;
  /** The most bytes of a file of weights; larger models are saved in parts. Default 5 GB. */
  readonly maxShardBytes?: number | undefined;
  /** Keys for config.json besides the model's own, or in place of them. */
  readonly config?: RawConfig | undefined;
  /** Elements to save in place of those of the parameters of these names. */
  readonly replace?: ReadonlyMap<string, Float32Array> | undefined;
}

/**
 * Saves a model as a Hugging Face folder, which transformers opens: config.json, model.safetensors (or parts and their index),
 * generation_config.json, and the tokenizer's files. Weights of an earlier save are replaced.
 */
export async function savePretrained(model: PretrainedModel, folder: string, options: SaveOptions = {}): Promise<void> {
  const { dtype = 'float32' } = options;
  const adapters = [...model.namedParameters().keys()].find((name) => /\.lora_[AB]\./.test(name));
  if (adapters !== undefined) {
    throw new ModelError(`this model has adapters (${adapters}): merge them (mergeLora) or save them alone (saveLora)`);
  }
  await mkdir(folder, { recursive: true });
  const { raw, rawGeneration, bosTokenId, eosTokenIds, padTokenId } = model.config;
  const eos = eosTokenIds.length > 1 ? eosTokenIds : eosTokenIds[0];
  await writeJson(folder, 'config.json', {
    ...raw,
    ...options.config,
    architectures: [model.checkpoint.className],
    dtype,
    torch_dtype: dtype,
  });
  await writeJson(
    folder,
    'generation_config.json',
    rawGeneration ?? { bos_token_id: bosTokenId, eos_token_id: eos, pad_token_id: padTokenId },
  );
  await writeWeights(model, folder, options);
  await options.tokenizer?.save(folder);
}

async function writeJson(folder: string, name: string, value: object): Promise<void> {
  await writeFile(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
}

async function writeWeights(
  model: PretrainedModel,
  folder: string,
  { dtype: type = 'float32', maxShardBytes = 5e9, replace }: SaveOptions,
): Promise<void> {
  const dtype = ({ float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const)[type];
  const bytes = dtype === 'F32' ? 4 : 2;
  const shards: Map<string, TensorToWrite>[] = [new Map()];
  let filled = 0;
  let total = 0;
  for (const [name, { shape, size, storage }] of model.namedParameters()) {
    if (filled > 0 && filled + bytes * size > maxShardBytes) {
      shards.push(new Map());
      filled = 0;
    }
    filled += bytes * size;
    total += bytes * size;
    const isTransposed = model.checkpoint.isTransposed(name);
    shards.at(-1)!.set(name, {
      dtype,
      shape: isTransposed ? shape.toReversed() : shape,
      data: () => {
        const data = replace?.get(name) ?? storage.data;
        if (!isTransposed) return data;
        const columns = new Float32Array(size);
        transpose(data, shape[0]!, shape[1]!, columns);
        return columns;
      },
    });
  }
  for (const old of await readdir(folder)) {
    if (old === SINGLE || old === INDEX || /^model-\d+-of-\d+\.safetensors$/.test(old)) await rm(join(folder, old));
  }
  const part = (i: number): string => String(i).padStart(5, '0');
  const names = shards.map((_, i) =>
    shards.length === 1 ? SINGLE : `model-${part(i + 1)}-of-${part(shards.length)}.safetensors`,
  );
  for (const [i, shard] of shards.entries()) {
    await writeSafetensorsFile(join(folder, names[i]!), shard, { format: 'pt' });
  }
  if (shards.length > 1) {
    const weights = shards.flatMap((shard, i) => [...shard.keys()].map((name) => [name, names[i]!] as const));
    await writeJson(folder, INDEX, { metadata: { total_size: total }, weight_map: Object.fromEntries(weights) });
  }
}
