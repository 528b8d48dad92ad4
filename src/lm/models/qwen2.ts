// Qwen 2 and 2.5 (Yang et al. 2024, arXiv 2407.10671): as Llama, but for the biases of queries, keys and values.

import {
  type Attention,
  constant,
  Embedding,
  GatedMLP,
  type Heads,
  Linear,
  Module,
  normal,
  RMSNorm,
  Rotary,
} from '../../nn/index.ts';
import type { Generator } from '../../random/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { CausalLM } from './causal-lm.ts';
import type { ModelConfig } from './config.ts';
import type { CheckpointRules } from './pretrained-model.ts';
import { scoreHead, SequenceClassifier } from './sequence-classifier.ts';

class Qwen2Attention extends Module {
  readonly q_proj: Linear;
  readonly k_proj: Linear;
  readonly v_proj: Linear;
  readonly o_proj: Linear;
  readonly #heads: Heads;

  constructor(config: ModelConfig, rotary: Rotary, generator: Generator) {
    super();
    const { hiddenSize, numHeads, numKeyValueHeads, headDim } = config;
    const weightInit = normal({ std: config.initializerRange });
    const options = { weightInit, biasInit: constant(0), generator };
    this.q_proj = new Linear(hiddenSize, numHeads * headDim, options);
    this.k_proj = new Linear(hiddenSize, numKeyValueHeads * headDim, options);
    this.v_proj = new Linear(hiddenSize, numKeyValueHeads * headDim, options);
    this.o_proj = new Linear(numHeads * headDim, hiddenSize, { bias: false, weightInit, generator });
    this.#heads = { heads: numHeads, keyValueHeads: numKeyValueHeads, size: headDim, rotary };
  }

  forward(x: Tensor, attention: Attention): Tensor {
    const asking = attention.rows === undefined ? x : x.take(attention.rows);
    const [q, k, v] = [this.q_proj.forward(asking), this.k_proj.forward(x), this.v_proj.forward(x)];
    return this.o_proj.forward(attention.attend(q, k, v, this.#heads));
  }
}

class Qwen2Layer extends Module {
  readonly self_attn: Qwen2Attention;
  readonly mlp: GatedMLP;
  readonly input_layernorm: RMSNorm;
  readonly post_attention_layernorm: RMSNorm;

  constructor(config: ModelConfig, rotary: Rotary, generator: Generator) {
    super();
    const { hiddenSize, intermediateSize, activation, normEpsilon: epsilon } = config;
    const weightInit = normal({ std: config.initializerRange });
    this.self_attn = new Qwen2Attention(config, rotary, generator);
    this.mlp = new GatedMLP(hiddenSize, intermediateSize, { activation, weightInit, generator });
    this.input_layernorm = new RMSNorm(hiddenSize, { epsilon });
    this.post_attention_layernorm = new RMSNorm(hiddenSize, { epsilon });
  }

  forward(x: Tensor, attention: Attention): Tensor {
    const kept = attention.rows === undefined ? x : x.take(attention.rows);
    const attended = kept.add(this.self_attn.forward(this.input_layernorm.forward(x), attention));
    return attended.add(this.mlp.forward(this.post_attention_layernorm.forward(attended)));
  }
}

class Qwen2Model extends Module {
  readonly embed_tokens: Embedding;
  readonly layers: readonly Qwen2Layer[];
  readonly norm: RMSNorm;

  constructor(config: ModelConfig, generator: Generator) {
    super();
    const weightInit = normal({ std: config.initializerRange });
    const rotary = new Rotary(config.headDim, config.rope);
    this.embed_tokens = new Embedding(config.vocabSize, config.hiddenSize, { weightInit, generator });
    this.layers = Array.from({ length: config.numLayers }, () => new Qwen2Layer(config, rotary, generator));
    this.norm = new RMSNorm(config.hiddenSize, { epsilon: config.normEpsilon });
  }

  forward(ids: Tensor, attention: Attention): Tensor {
    const [batch, width] = [ids.shape[0]!, this.embed_tokens.weight.shape[1]!];
    // Tokens are rows of a matrix from here on, which saves a reshape at every product.
    let x = this.embed_tokens.forward(ids.reshape([ids.size]));
    const last = this.layers.length - 1;
    for (const [i, layer] of this.layers.entries()) x = layer.forward(x, (i === last && attention.last) || attention);
    return this.norm.forward(x).reshape([batch, -1, width]);
  }
}

const checkpoint = {
  prefix: 'model.',
  isTransposed: () => false,
  isIgnored: (name: string) => name.endsWith('rotary_emb.inv_freq'),
};

/** Qwen 2 with a head over the vocabulary: transformers' Qwen2ForCausalLM. */
export class Qwen2ForCausalLM extends CausalLM {
  readonly model: Qwen2Model;
  /** Left out where the head reads the token table. */
  readonly lm_head: Linear | undefined;

  constructor(config: ModelConfig, generator: Generator) {
    super(config);
    this.model = new Qwen2Model(config, generator);
    const weightInit = normal({ std: config.initializerRange });
    this.lm_head = config.tieWordEmbeddings
      ? undefined
      : new Linear(config.hiddenSize, config.vocabSize, { bias: false, weightInit, generator });
  }

  protected get tokenEmbedding(): Embedding {
    return this.model.embed_tokens;
  }

  protected override get tokenHead(): Linear | undefined {
    return this.lm_head;
  }

  get checkpoint(): CheckpointRules {
    return { className: 'Qwen2ForCausalLM', ...checkpoint };
  }

  hidden(ids: Tensor, attention: Attention = this.attentionOver(ids)): Tensor {
    return this.model.forward(ids, attention);
  }

  logits(hidden: Tensor): Tensor {
    return this.lm_head?.forward(hidden) ?? hidden.linear(this.model.embed_tokens.weight);
  }
}

/** Qwen 2 with a head that judges a text: transformers' Qwen2ForSequenceClassification. */
export class Qwen2ForSequenceClassification extends SequenceClassifier {
  readonly model: Qwen2Model;
  readonly score: Linear;

  constructor(config: ModelConfig, generator: Generator) {
    super(config);
    this.model = new Qwen2Model(config, generator);
    this.score = scoreHead(config, generator);
  }

  protected get tokenEmbedding(): Embedding {
    return this.model.embed_tokens;
  }

  get checkpoint(): CheckpointRules {
    return { className: 'Qwen2ForSequenceClassification', ...checkpoint };
  }

  hidden(ids: Tensor, attention: Attention = this.attentionOver(ids)): Tensor {
    return this.model.forward(ids, attention);
  }
}
