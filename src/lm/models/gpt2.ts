// GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"): learned positions, layer norm before each
// part, one projection for queries, keys and values, GELU by its tanh formula, and a head that reads the token table.

import {
  activationFunction,
  type Attention,
  constant,
  Embedding,
  LayerNorm,
  Linear,
  Module,
  normal,
} from '../../nn/index.ts';
import type { Generator } from '../../random/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { CausalLM } from './causal-lm.ts';
import type { ModelConfig } from './config.ts';
import type { CheckpointRules } from './pretrained-model.ts';
import { scoreHead, SequenceClassifier } from './sequence-classifier.ts';

/** A projection; projections back into the residual stream start smaller, by the number of such additions. */
function projection(config: ModelConfig, sizes: [number, number], generator: Generator, residual = false): Linear {
  const std = config.initializerRange / (residual ? Math.sqrt(2 * config.numLayers) : 1);
  return new Linear(...sizes, { weightInit: normal({ std }), biasInit: constant(0), generator });
}

class Gpt2Attention extends Module {
  readonly c_attn: Linear;
  readonly c_proj: Linear;
  readonly #heads: { heads: number; keyValueHeads: number; size: number; scale: number };

  constructor(config: ModelConfig, layer: number, generator: Generator) {
    super();
    const { hiddenSize, numHeads, headDim, scaleAttention } = config;
    this.c_attn = projection(config, [hiddenSize, 3 * hiddenSize], generator);
    this.c_proj = projection(config, [hiddenSize, hiddenSize], generator, true);
    const scale = (scaleAttention.byRootSize ? 1 / Math.sqrt(headDim) : 1) / (scaleAttention.byLayer ? layer + 1 : 1);
    this.#heads = { heads: numHeads, keyValueHeads: numHeads, size: headDim, scale };
  }

  forward(x: Tensor, attention: Attention): Tensor {
    return this.c_proj.forward(attention.attendPacked(this.c_attn.forward(x), this.#heads));
  }
}

class Gpt2Mlp extends Module {
  readonly c_fc: Linear;
  readonly c_proj: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(config: ModelConfig, generator: Generator) {
    super();
    this.c_fc = projection(config, [config.hiddenSize, config.intermediateSize], generator);
    this.c_proj = projection(config, [config.intermediateSize, config.hiddenSize], generator, true);
    this.#activation = activationFunction(config.activation);
  }

  forward(x: Tensor): Tensor {
    return this.c_proj.forward(this.#activation(this.c_fc.forward(x)));
  }
}

class Gpt2Block extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: Gpt2Attention;
  readonly ln_2: LayerNorm;
  readonly mlp: Gpt2Mlp;

  constructor(config: ModelConfig, layer: number, generator: Generator) {
    super();
    this.ln_1 = new LayerNorm(config.hiddenSize, { epsilon: config.normEpsilon });
    this.attn = new Gpt2Attention(config, layer, generator);
    this.ln_2 = new LayerNorm(config.hiddenSize, { epsilon: config.normEpsilon });
    this.mlp = new Gpt2Mlp(config, generator);
  }

  forward(x: Tensor, attention: Attention): Tensor {
    const kept = attention.rows === undefined ? x : x.take(attention.rows);
    const attended = kept.add(this.attn.forward(this.ln_1.forward(x), attention));
    return attended.add(this.mlp.forward(this.ln_2.forward(attended)));
  }
}

class Gpt2Transformer extends Module {
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly h: readonly Gpt2Block[];
  readonly ln_f: LayerNorm;

  constructor(config: ModelConfig, generator: Generator) {
    super();
    const weightInit = normal({ std: config.initializerRange });
    this.wte = new Embedding(config.vocabSize, config.hiddenSize, { weightInit, generator });
    this.wpe = new Embedding(config.maxPositions, config.hiddenSize, { weightInit, generator });
    this.h = Array.from({ length: config.numLayers }, (_, layer) => new Gpt2Block(config, layer, generator));
    this.ln_f = new LayerNorm(config.hiddenSize, { epsilon: config.normEpsilon });
  }

  forward(ids: Tensor, attention: Attention): Tensor {
    const [batch, width] = [ids.shape[0]!, this.wte.weight.shape[1]!];
    // Tokens are rows of a matrix from here on, which saves a reshape at every product.
    let x = this.wte.forward(ids).add(this.wpe.forward(attention.positions)).reshape([ids.size, -1]);
    const last = this.h.length - 1;
    for (const [i, block] of this.h.entries()) x = block.forward(x, (i === last && attention.last) || attention);
    return this.ln_f.forward(x).reshape([batch, -1, width]);
  }
}

const checkpoint = {
  prefix: 'transformer.',
  // Conv1D, a linear layer whose weight lies [in, out].
  isTransposed: (name: string) => /\.(c_attn|c_proj|c_fc)\.weight$/.test(name),
  // The causal mask was once saved with each layer.
  isIgnored: (name: string) => /\.attn\.(bias|masked_bias)$/.test(name),
};

/** GPT-2 with a head over the vocabulary: transformers' GPT2LMHeadModel. */
export class GPT2LMHeadModel extends CausalLM {
  readonly transformer: Gpt2Transformer;
  /** Left out where the head reads the token table. */
  readonly lm_head: Linear | undefined;

  constructor(config: ModelConfig, generator: Generator) {
    super(config);
    this.transformer = new Gpt2Transformer(config, generator);
    const weightInit = normal({ std: config.initializerRange });
    this.lm_head = config.tieWordEmbeddings
      ? undefined
      : new Linear(config.hiddenSize, config.vocabSize, { bias: false, weightInit, generator });
  }

  protected get tokenEmbedding(): Embedding {
    return this.transformer.wte;
  }

  protected override get tokenHead(): Linear | undefined {
    return this.lm_head;
  }

  get checkpoint(): CheckpointRules {
    return { className: 'GPT2LMHeadModel', ...checkpoint };
  }

  hidden(ids: Tensor, attention: Attention = this.attentionOver(ids)): Tensor {
    return this.transformer.forward(ids, attention);
  }

  logits(hidden: Tensor): Tensor {
    return this.lm_head?.forward(hidden) ?? hidden.linear(this.transformer.wte.weight);
  }
}

/** GPT-2 with a head that judges a text: transformers' GPT2ForSequenceClassification. */
export class GPT2ForSequenceClassification extends SequenceClassifier {
  readonly transformer: Gpt2Transformer;
  readonly score: Linear;

  constructor(config: ModelConfig, generator: Generator) {
    super(config);
    this.transformer = new Gpt2Transformer(config, generator);
    this.score = scoreHead(config, generator);
  }

  protected get tokenEmbedding(): Embedding {
    return this.transformer.wte;
  }

  get checkpoint(): CheckpointRules {
    return { className: 'GPT2ForSequenceClassification', ...checkpoint };
  }

  hidden(ids: Tensor, attention: Attention = this.attentionOver(ids)): Tensor {
    return this.transformer.forward(ids, attention);
  }
}
