// One training step (forward, backward, AdamW) of a small GPT: four layers of width 128 with four heads, vocabulary 256, batch
// 32 x 64, 0.83 million parameters; the token table is shared with the head. bench/peers/gpt.py is the same in PyTorch.

import { AdamW, Embedding, gradientAssignments, LayerNorm, Linear, Module, normal } from '../src/nn/index.ts';
import { defaultRng } from '../src/random/index.ts';
import { compile } from '../src/runtime/index.ts';
import { arange, type Tensor, tensor } from '../src/tensor/index.ts';
import { type Benchmark, peakMemory } from './benchmark.ts';

const [LAYERS, WIDTH, HEADS, VOCABULARY, BATCH, TIME] = [4, 128, 4, 256, 32, 64];
const HEAD = WIDTH / HEADS;
const [WARMUP, STEPS] = [10, 50];

const generator = defaultRng(0);
const weightInit = normal({ std: 0.02 });
const residualInit = normal({ std: 0.02 / Math.sqrt(2 * LAYERS) });

class Block extends Module {
  readonly norm1 = new LayerNorm(WIDTH);
  readonly attention = new Linear(WIDTH, 3 * WIDTH, { weightInit, generator });
  readonly projection = new Linear(WIDTH, WIDTH, { weightInit: residualInit, generator });
  readonly norm2 = new LayerNorm(WIDTH);
  readonly up = new Linear(WIDTH, 4 * WIDTH, { weightInit, generator });
  readonly down = new Linear(4 * WIDTH, WIDTH, { weightInit: residualInit, generator });

  /** `[batch, time, width]` to the same; `mask` `[time, time]` is added to the attention scores. */
  forward(x: Tensor, mask: Tensor): Tensor {
    const heads = this.attention.forward(this.norm1.forward(x)).reshape([BATCH, TIME, 3, HEADS, HEAD]);
    const [q, k, v] = [0, 1, 2].map((which) =>
      heads
        .slice([null, null, which], [null, null, which + 1])
        .squeeze(2)
        .permute([0, 2, 1, 3]),
    ) as [Tensor, Tensor, Tensor];
    const weights = q
      .matmul(k, { transposeB: true, alpha: 1 / Math.sqrt(HEAD) })
      .add(mask)
      .softmax();
    const mixed = weights.matmul(v).permute([0, 2, 1, 3]).reshape([BATCH, TIME, WIDTH]);
    const attended = x.add(this.projection.forward(mixed));
    return attended.add(this.down.forward(this.up.forward(this.norm2.forward(attended)).gelu()));
  }
}

class Gpt extends Module {
  readonly tokens = new Embedding(VOCABULARY, WIDTH, { weightInit, generator });
  readonly positions = new Embedding(TIME, WIDTH, { weightInit, generator });
  readonly blocks = Array.from({ length: LAYERS }, () => new Block());
  readonly norm = new LayerNorm(WIDTH);

  /** The mean loss of predicting `targets` from `ids`, both int32 `[batch, time]`. */
  forward(ids: Tensor, targets: Tensor): Tensor {
    const position = arange(TIME);
    const mask = position
      .reshape([1, TIME])
      .greater(position.reshape([TIME, 1]))
      .where(-1e9, 0);
    let x = this.tokens.forward(ids).add(this.positions.weight);
    for (const block of this.blocks) x = block.forward(x, mask);
    const logits = this.norm
      .forward(x)
      .reshape([BATCH * TIME, WIDTH])
      .linear(this.tokens.weight);
    return logits.crossEntropy(targets.reshape([BATCH * TIME])).mean();
  }
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'msPerStep',
      what: 'GPT training step, 2 threads',
      unit: 'ms',
      better: 'lower',
      target: { kind: 'ratio', limit: 1.2 },
    },
    {
      key: 'peakMemory',
      what: 'GPT training, peak memory',
      unit: 'MB',
      better: 'lower',
      target: { kind: 'ratio', limit: 1 },
    },
  ],
  peers: [{ name: 'PyTorch', script: 'gpt.py' }],
  measure() {
    const model = new Gpt();
    const optimizer = new AdamW(model.parameters(), { learningRate: 3e-4, betas: [0.9, 0.95], weightDecay: 0.1 });
    const step = compile(
      (ids: Tensor, targets: Tensor) => {
        const loss = model.forward(ids, targets);
        return { loss, gradients: gradientAssignments(loss, model.parameters()) };
      },
      { threads: 2 },
    );
    const tokens = Array.from(defaultRng(1).integers(0, VOCABULARY, { size: BATCH * (TIME + 1) }), Number);
    const rows = tensor(tokens, { shape: [BATCH, TIME + 1], dtype: 'int32' });
    const [ids, targets] = [rows.slice([null, 0], [null, TIME]), rows.slice([null, 1])];
    const [idsData, targetsData] = [ids.dataSync(), targets.dataSync()];
    const bound = step.bind(ids, targets);
    const times: number[] = [];
    const losses: number[] = [];
    for (let i = 0; i < WARMUP + STEPS; i++) {
      const started = performance.now();
      bound.arguments[0]!.set(idsData);
      bound.arguments[1]!.set(targetsData);
      bound.run();
      optimizer.step();
      times.push(performance.now() - started);
      losses.push((bound.results.loss as Float32Array)[0]!);
    }
    const sorted = times.slice(WARMUP).sort((a, b) => a - b);
    return {
      msPerStep: sorted[sorted.length >> 1]!,
      peakMemory: peakMemory(),
      firstLoss: losses[0]!,
      lastLoss: losses.at(-1)!,
    };
  },
};
