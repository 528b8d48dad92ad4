// What the benchmarks of language models share: two sizes of GPT-2 with random weights, saved as Hugging Face folders that the peers
// load too, and what is measured of each.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CausalLM, fromConfig, fromPretrained, generate, savePretrained } from '../src/lm/index.ts';
import { AdamW, gradientAssignments } from '../src/nn/index.ts';
import { defaultRng } from '../src/random/index.ts';
import { compile } from '../src/runtime/index.ts';
import type { Tensor, Typed } from '../src/tensor/index.ts';
import { type Benchmark, peakMemory } from './benchmark.ts';

/** `small`: 0.83 million parameters, as a laptop trains them from nothing; `gpt2`: the 124 million of GPT-2 small. */
export const SIZES = {
  small: { model_type: 'gpt2', vocab_size: 256, n_positions: 64, n_embd: 128, n_layer: 4, n_head: 4 },
  gpt2: { model_type: 'gpt2', vocab_size: 50257, n_positions: 1024, n_embd: 768, n_layer: 12, n_head: 12 },
} as const;

export type Size = keyof typeof SIZES;

/** Where the peers find what ours leaves for them. */
export function sharedFolder(): string {
  const folder = process.env['GYMFORMER_BENCH_FOLDER'];
  if (folder === undefined) throw new Error('GYMFORMER_BENCH_FOLDER is not set: run benchmarks with bench/run.ts');
  return folder;
}

/** The folder of a model, written at first use. */
export async function modelFolder(size: Size): Promise<string> {
  const folder = join(sharedFolder(), size);
  if (!existsSync(join(folder, 'model.safetensors'))) {
    const model = fromConfig({ ...SIZES[size], resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 }, { seed: 0 });
    await savePretrained(model, folder);
  }
  return folder;
}

export async function loadModel(size: Size): Promise<CausalLM> {
  return fromPretrained(await modelFolder(size));
}

/** Random prompts of `length` tokens. */
export function randomPrompts(model: CausalLM, count: number, length: number): number[][] {
  const tokens = Array.from(defaultRng(1).integers(0, model.config.vocabSize, { size: count * length }), Number);
  return Array.from({ length: count }, (_, i) => tokens.slice(i * length, (i + 1) * length));
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** One training step: forward, backward, AdamW. */
export function trainingBenchmark(
  size: Size,
  {
    batch,
    time,
    warmup,
    steps,
    target,
  }: { batch: number; time: number; warmup: number; steps: number; target: number },
): Benchmark {
  return {
    metrics: [
      {
        key: 'msPerStep',
        what: `${size} training step, ${batch} x ${time}, 2 threads`,
        unit: 'ms',
        better: 'lower',
        target: { kind: 'ratio', limit: target },
      },
      {
        key: 'peakMemory',
        what: `${size} training, peak memory`,
        unit: 'MB',
        better: 'lower',
        target: { kind: 'ratio', limit: 1 / 1.2 },
      },
    ],
    peers: [
      {
        name: 'transformers',
        script: 'lm_train.py',
        args: [size, String(batch), String(time), String(warmup), String(steps)],
      },
    ],
    async measure() {
      const model = await loadModel(size);
      const optimizer = new AdamW(model.parameters(), { learningRate: 3e-4, weightDecay: 0.01 });
      const step = compile((ids: Tensor, targets: Tensor) => {
        const logits = model.logits(model.hidden(ids).reshape([batch * time, model.config.hiddenSize]));
        const loss = logits.crossEntropy(targets.reshape([batch * time])).mean();
        return { loss, gradients: gradientAssignments(loss, model.parameters()) };
      });
      const type: Typed = { shape: [batch, time], dtype: 'int32' };
      const bound = step.bind(type, type);
      randomPrompts(model, batch, time + 1).forEach((row, b) => {
        bound.arguments[0]!.set(row.slice(0, time), b * time);
        bound.arguments[1]!.set(row.slice(1), b * time);
      });
      const times: number[] = [];
      const losses: number[] = [];
      for (let i = 0; i < warmup + steps; i++) {
        const started = performance.now();
        bound.run();
        optimizer.step();
        times.push(performance.now() - started);
        losses.push((bound.results.loss as Float32Array)[0]!);
      }
      return {
        msPerStep: median(times.slice(warmup)),
        peakMemory: peakMemory(),
        firstLoss: losses[0]!,
        lastLoss: losses.at(-1)!,
      };
    },
  };
}

/** Sampling with a cache, batched. No token ends a text, so that both sides write as many. */
export function generationBenchmark(
  size: Size,
  {
    batch,
    prompt,
    tokens,
    repeats,
    target,
  }: { batch: number; prompt: number; tokens: number; repeats: number; target: number },
): Benchmark {
  return {
    metrics: [
      {
        key: 'tokensPerSecond',
        what: `${size} sampling, batch ${batch}, ${prompt} + ${tokens} tokens`,
        unit: 'tokens/s',
        better: 'higher',
        target: { kind: 'ratio', limit: target },
      },
      {
        key: 'firstSeconds',
        what: `${size} sampling, the first call, compilation included`,
        unit: 's',
        better: 'lower',
      },
    ],
    peers: [
      {
        name: 'transformers',
        script: 'lm_generate.py',
        args: [size, String(batch), String(prompt), String(tokens), String(repeats)],
      },
    ],
    async measure() {
      const model = await loadModel(size);
      const prompts = randomPrompts(model, batch, prompt);
      const started = performance.now();
      const decoder = model.decoder({ batch, maxLength: prompt + tokens });
      const seconds: number[] = [];
      for (let i = 0; i <= repeats; i++) {
        const before = i === 0 ? started : performance.now();
        const texts = await generate(model, prompts, { maxNewTokens: tokens, stopTokenIds: [], seed: i, decoder });
        seconds.push((performance.now() - before) / 1000);
        if (texts.some((text) => text.tokens.length !== tokens)) throw new Error('a text is too short');
      }
      return { tokensPerSecond: (batch * tokens) / median(seconds.slice(1)), firstSeconds: seconds[0]! };
    },
  };
}
