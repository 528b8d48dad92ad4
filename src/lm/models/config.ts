// What a config.json of Hugging Face says about a model, under one set of names. Defaults are those of transformers'
// configuration classes; both the older keys (rope_theta, rope_scaling) and those of transformers 5 (rope_parameters) are read.

import { z } from 'zod';
import type { RopeScaling } from '../../nn/index.ts';

/** The architectures there are, by config.json's `model_type`. */
export const MODEL_TYPES = ['gpt2', 'llama', 'qwen2'] as const;

/** A `model_type`. */
export type ModelType = (typeof MODEL_TYPES)[number];

/** A config.json, as it was read. */
export type RawConfig = Readonly<Record<string, unknown>>;

/** A model's shape and constants. */
export interface ModelConfig {
  readonly modelType: ModelType;
  /** Rows of the token table. */
  readonly vocabSize: number;
  /** Elements of a token's vector between the layers. */
  readonly hiddenSize: number;
  /** Elements inside a layer's feed-forward part. */
  readonly intermediateSize: number;
  readonly numLayers: number;
  /** Heads of queries in a layer. */
  readonly numHeads: number;
  /** Heads of keys and values in a layer; a divisor of `numHeads`. */
  readonly numKeyValueHeads: number;
  /** Elements of a head. */
  readonly headDim: number;
  /** The longest context, in tokens. */
  readonly maxPositions: number;
  /** Added to the variance or mean square by the norms. */
  readonly normEpsilon: number;
  /** Inside the feed-forward part. */
  readonly activation: 'gelu' | 'geluTanh' | 'relu' | 'silu' | 'tanh';
  /** Whether the head reads the token table. */
  readonly tieWordEmbeddings: boolean;
  /** Llama: whether the projections of attention have biases (Qwen 2 always has those of queries, keys and values). */
  readonly attentionBias: boolean;
  /** Llama: whether the feed-forward part has biases. */
  readonly mlpBias: boolean;
  /** GPT-2: whether attention scores are divided by the root of the head's size, and by the layer's number from 1. */
  readonly scaleAttention: { readonly byRootSize: boolean; readonly byLayer: boolean };
  /** Rotary position embeddings, for architectures that have them. */
  readonly rope: { readonly theta: number; readonly scaling: RopeScaling | undefined } | undefined;
  /** Standard deviation of fresh weights. */
  readonly initializerRange: number;
  readonly bosTokenId: number | undefined;
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number | undefined;
  /** Outputs of a sequence classifier's head. */
  readonly numLabels: number;
  /** config.json itself, saved again with the model. */
  readonly raw: RawConfig;
  /** generation_config.json itself, if there was one. Its tokens that end a text go before those of config.json. */
  readonly rawGeneration: RawConfig | undefined;
}

/** Says what a model's files lack, or which of their wishes cannot be met. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}

const count = z.int().positive();
/** Sizes beyond what any model has are mistakes, and would ask for all memory there is. */
const [layers, width, rows] = [count.max(2 ** 14), count.max(2 ** 20), count.max(2 ** 26)];
const tokenId = z.int().nonnegative();

const common = {
  vocab_size: rows,
  initializer_range: z.number().nonnegative().default(0.02),
  bos_token_id: tokenId.optional(),
  eos_token_id: z.union([tokenId, z.array(tokenId)]).optional(),
  pad_token_id: z.int().optional(),
  num_labels: count.optional(),
  id2label: z.record(z.string(), z.unknown()).optional(),
};

const gpt2 = z.object({
  ...common,
  vocab_size: rows.default(50257),
  n_positions: rows.default(1024),
  n_embd: width.default(768),
  n_layer: layers.default(12),
  n_head: width.default(12),
  n_inner: rows.optional(),
  activation_function: z.string().default('gelu_new'),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  add_cross_attention: z.literal(false, 'cross-attention is not supported').default(false),
  tie_word_embeddings: z.boolean().default(true),
  bos_token_id: tokenId.default(50256),
  eos_token_id: common.eos_token_id.default(50256),
});

const rope = z.record(z.string(), z.unknown());

const llama = z.object({
  ...common,
  vocab_size: rows.default(32000),
  hidden_size: width.default(4096),
  intermediate_size: rows.default(11008),
  num_hidden_layers: layers.default(32),
  num_attention_heads: width.default(32),
  num_key_value_heads: width.optional(),
  head_dim: width.optional(),
  hidden_act: z.string().default('silu'),
  max_position_embeddings: count.default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  rope_theta: z.number().positive().optional(),
  rope_scaling: rope.optional(),
  rope_parameters: rope.optional(),
  partial_rotary_factor: z.literal(1, 'turning only a part of each head is not supported').optional(),
  bos_token_id: tokenId.default(1),
  eos_token_id: common.eos_token_id.default(2),
});

const qwen2 = llama.extend({
  vocab_size: rows.default(151936),
  intermediate_size: rows.default(22016),
  num_key_value_heads: width.default(32),
  max_position_embeddings: count.default(32768),
  use_sliding_window: z.literal(false, 'attention in a sliding window is not supported').default(false),
  bos_token_id: common.bos_token_id,
  eos_token_id: common.eos_token_id,
});

type LlamaLike = z.infer<typeof llama> | z.infer<typeof qwen2>;

const ACTIVATIONS: Readonly<Record<string, ModelConfig['activation']>> = {
  gelu: 'gelu',
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
  tanh: 'tanh',
};

/**
 * Reads a config.json's object, and a generation_config.json's.
 *
 * @throws ModelError if the architecture is not one of {@link MODEL_TYPES}, or a key has a value that cannot be used.
 */
export function readConfig(raw: RawConfig, rawGeneration?: RawConfig): ModelConfig {
  const config = readModelConfig(raw);
  const eosTokenIds = generationSchema.safeParse(rawGeneration).data?.eos_token_id;
  return {
    ...config,
    rawGeneration,
    eosTokenIds: eosTokenIds === undefined ? config.eosTokenIds : [eosTokenIds].flat(),
  };
}

const generationSchema = z.object({ eos_token_id: common.eos_token_id });

function readModelConfig(raw: RawConfig): ModelConfig {
  const modelType = MODEL_TYPES.find((type) => type === raw['model_type']);
  const given = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null));
  switch (modelType) {
    case 'gpt2':
      return gpt2Config(parse(gpt2, given), raw);
    case 'llama':
      return llamaConfig('llama', parse(llama, given), raw);
    case 'qwen2':
      return llamaConfig('qwen2', parse(qwen2, given), raw);
    case undefined:
      throw new ModelError(
        `config.json: the architecture '${String(raw['model_type'])}' (model_type) is not supported; ` +
          `there are ${MODEL_TYPES.join(', ')}`,
      );
  }
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new ModelError(`config.json cannot be used:\n  ${problems.join('\n  ')}`);
}

function gpt2Config(c: z.infer<typeof gpt2>, raw: RawConfig): ModelConfig {
  return {
    modelType: 'gpt2',
    ...shared(c, raw),
    ...heads(c.n_embd, c.n_head, c.n_head, undefined),
    vocabSize: c.vocab_size,
    intermediateSize: c.n_inner ?? 4 * c.n_embd,
    numLayers: c.n_layer,
    maxPositions: c.n_positions,
    normEpsilon: c.layer_norm_epsilon,
    activation: activation(c.activation_function),
    attentionBias: true,
    mlpBias: true,
    scaleAttention: { byRootSize: c.scale_attn_weights, byLayer: c.scale_attn_by_inverse_layer_idx },
    rope: undefined,
  };
}

function llamaConfig(modelType: 'llama' | 'qwen2', c: LlamaLike, raw: RawConfig): ModelConfig {
  return {
    modelType,
    ...shared(c, raw),
    ...heads(c.hidden_size, c.num_attention_heads, c.num_key_value_heads ?? c.num_attention_heads, c.head_dim),
    vocabSize: c.vocab_size,
    intermediateSize: c.intermediate_size,
    numLayers: c.num_hidden_layers,
    maxPositions: c.max_position_embeddings,
    normEpsilon: c.rms_norm_eps,
    activation: activation(c.hidden_act),
    attentionBias: c.attention_bias,
    mlpBias: c.mlp_bias,
    scaleAttention: { byRootSize: true, byLayer: false },
    rope: ropeOf(c),
  };
}

function shared(c: z.infer<typeof gpt2> | LlamaLike, raw: RawConfig) {
  const eos = c.eos_token_id;
  return {
    tieWordEmbeddings: c.tie_word_embeddings,
    initializerRange: c.initializer_range,
    bosTokenId: c.bos_token_id,
    eosTokenIds: eos === undefined ? [] : Array.isArray(eos) ? eos : [eos],
    // Some models say -1 for none.
    padTokenId: c.pad_token_id !== undefined && c.pad_token_id >= 0 ? c.pad_token_id : undefined,
    numLabels: c.num_labels ?? (c.id2label === undefined ? 2 : Object.keys(c.id2label).length),
    raw,
    rawGeneration: undefined,
  };
}

function heads(hiddenSize: number, numHeads: number, numKeyValueHeads: number, headDim: number | undefined) {
  if (hiddenSize % numHeads !== 0 && headDim === undefined) {
    throw new ModelError(`config.json: a hidden size of ${hiddenSize} does not divide into ${numHeads} heads`);
  }
  if (numHeads % numKeyValueHeads !== 0) {
    throw new ModelError(`config.json: ${numHeads} heads cannot share ${numKeyValueHeads} heads of keys and values`);
  }
  return { hiddenSize, numHeads, numKeyValueHeads, headDim: headDim ?? hiddenSize / numHeads };
}

function activation(name: string): ModelConfig['activation'] {
  const known = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (known !== undefined) return known;
  throw new ModelError(
    `config.json: the activation '${name}' is not supported; there are ${Object.keys(ACTIVATIONS).join(', ')}`,
  );
}

const factor = z.number().positive();
const originalMax = { original_max_position_embeddings: count.optional() };

const scalings = {
  linear: z.object({ factor }),
  dynamic: z.object({ factor }),
  llama3: z.object({ factor, low_freq_factor: factor, high_freq_factor: factor, ...originalMax }),
  yarn: z.object({
    factor: factor.optional(),
    beta_fast: factor.optional(),
    beta_slow: factor.optional(),
    attention_factor: factor.optional(),
    mscale: z.number().optional(),
    mscale_all_dim: z.number().optional(),
    truncate: z.boolean().optional(),
    ...originalMax,
  }),
};

function ropeOf(c: LlamaLike): NonNullable<ModelConfig['rope']> {
  const given = { ...c.rope_scaling, ...c.rope_parameters };
  const theta = z.number().positive().safeParse(given['rope_theta']).data ?? c.rope_theta ?? 10_000;
  return { theta, scaling: ropeScaling(given, c.max_position_embeddings) };
}

function ropeScaling(raw: RawConfig, maxPositions: number): RopeScaling | undefined {
  const given = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null));
  const type = given['rope_type'] ?? given['type'] ?? 'default';
  if ((given['partial_rotary_factor'] ?? 1) !== 1) {
    throw new ModelError('config.json: turning only a part of each head (partial_rotary_factor) is not supported');
  }
  switch (type) {
    case 'default':
    case 'dynamic': // Acts only beyond the longest context that the model is given here.
      return undefined;
    case 'linear':
      return { type: 'linear', factor: parse(scalings.linear, given).factor };
    case 'llama3': {
      const s = parse(scalings.llama3, given);
      return {
        type: 'llama3',
        factor: s.factor,
        lowFreqFactor: s.low_freq_factor,
        highFreqFactor: s.high_freq_factor,
        originalMaxPositions: s.original_max_position_embeddings ?? maxPositions,
      };
    }
    case 'yarn': {
      const s = parse(scalings.yarn, given);
      const originalMaxPositions = s.original_max_position_embeddings ?? maxPositions;
      const stretch = s.factor ?? maxPositions / originalMaxPositions;
      const magnitude = (m: number): number => (stretch <= 1 ? 1 : 0.1 * m * Math.log(stretch) + 1);
      const ratio = s.mscale && s.mscale_all_dim ? magnitude(s.mscale) / magnitude(s.mscale_all_dim) : undefined;
      return {
        type: 'yarn',
        factor: stretch,
        originalMaxPositions,
        betaFast: s.beta_fast,
        betaSlow: s.beta_slow,
        attentionFactor: s.attention_factor ?? ratio,
        truncate: s.truncate,
      };
    }
    default:
      throw new ModelError(
        `config.json: rotary embeddings of type '${String(type)}' (rope_type) are not supported; ` +
          'there are default, dynamic, linear, llama3, yarn',
      );
  }
}
