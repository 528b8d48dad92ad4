// The estimate of memory: its formulas by hand, what it is told to, and runs that are refused before they begin.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { applyLora } from '../../src/lm/index.ts';
import {
  MemoryBudgetError,
  memoryText,
  type RunStart,
  trainAgent,
  trainDpo,
  trainReward,
} from '../../src/trainer/index.ts';
import { availableMemory, freeByVmStat } from '../../src/trainer/available-memory.ts';
import {
  activationBytes,
  beginBudget,
  cacheBytes,
  checkBudget,
  checkStored,
  memoryBudget,
  networkBytes,
  storedBytes,
} from '../../src/trainer/memory-budget.ts';
import { byteTokenizer, tinyGpt, tinyLlama, tinySft } from './sft-models.ts';
import { cartPoleNetworks, temporaryDirectory, tinyRun } from './tiny-run.ts';
import { tinyActor, tinyText, tokenizer } from './tiny-text.ts';

const root = temporaryDirectory();
let folders = 0;
const fresh = (): string => join(root, String(folders++));
const weightsOf = (model: ReturnType<typeof tinyGpt>): number =>
  4 * model.parameters().reduce((sum, { size }) => sum + size, 0);

describe('the parts', () => {
  test('weights, gradients, and two moments of what is trained', () => {
    const model = tinyGpt();
    const bytes = weightsOf(model);
    const all = memoryBudget({ parameters: model.parameters() }, 1e12);
    expect(all).toMatchObject({
      weights: bytes,
      gradients: bytes,
      moments: 2 * bytes,
      activations: 0,
      available: 1e12,
    });
    const { total, available: _free, ...parts } = all;
    expect(total).toBe(Object.values(parts).reduce((sum, part) => sum + part, 0));
    applyLora(model, { r: 2 });
    const adapters = model.parameters().reduce((sum, { size, frozen }) => sum + (frozen ? 0 : 4 * size), 0);
    expect(adapters).toBeLessThan(bytes / 4);
    expect(memoryBudget({ parameters: model.parameters() })).toMatchObject({
      gradients: adapters,
      weights: bytes + adapters,
    });
  });

  test('other models, of which shared weights count once', () => {
    const model = tinyGpt();
    const other = tinyLlama();
    const others = [...other.parameters(), ...model.parameters()];
    expect(memoryBudget({ parameters: model.parameters(), others, toLoad: 7 }).others).toBe(weightsOf(other) + 7);
  });

  test('activations and cache, by hand', () => {
    // 2 layers of width 32 with 2 heads of 16: 4 * 32 + 2 * 128 + 96 + 32, and 2 * 10 weights of attention; 258 scores.
    const { config } = tinyGpt();
    const layer = 512 + 20;
    const shape = { rows: 3, time: 10 };
    expect(activationBytes(config, { ...shape, scores: 3 })).toBe(4 * 30 * (4 * layer + 3 * 258));
    expect(activationBytes(config, { ...shape, scores: 0 })).toBe(4 * 30 * 4 * layer);
    expect(activationBytes(config, { ...shape, scores: 0, reads: true })).toBe(4 * 30 * 2 * layer);
    // Keys and values of 2 layers and 2 heads of 16, with a place more than there are tokens.
    expect(cacheBytes(config, 5, 63)).toBe(4 * 2 * 2 * 5 * 2 * 64 * 16);
  });

  test('networks of agents, by hand', () => {
    // Layers of 8, 8 and 2 give what they give, and gradients of the widest are on their way twice.
    expect(networkBytes(cartPoleNetworks(8).actor.parameters(), 5)).toBe(4 * 5 * (8 + 8 + 2 + 2 * 8));
  });

  test('what is free is not more than the machine has', () => {
    expect(availableMemory()).toBeGreaterThan(0);
    expect(availableMemory()).toBeLessThanOrEqual(Number(/\d+/.exec(readFileSync('/proc/meminfo', 'utf8'))![0]) * 1024);
  });

  test('what is free on macOS, where the system says it in pages', () => {
    const said = [
      'Mach Virtual Memory Statistics: (page size of 16384 bytes)',
      'Pages free:                               17425.',
      'Pages active:                            422311.',
      'Pages inactive:                          417842.',
      'Pages speculative:                         3618.',
      'Pages wired down:                        143224.',
    ].join('\n');
    expect(freeByVmStat(said)).toBe(16_384 * (17_425 + 417_842 + 3_618));
    expect(freeByVmStat('vm_stat: unknown')).toBeUndefined();
  });
});

describe('a run that needs more than is free', () => {
  const parts = { parameters: tinyGpt().parameters() };

  test.each([
    [
      'sft',
      { activations: 8e9 },
      /about [\d.]+ GB: .*activations 8.0 GB.*; 1.0 GB free.*too little.*gradientAccumulation/,
    ],
    ['dpo', { activations: 8e9 }, /batchSize.*maxLength/],
    ['dpo', { copies: 8e9 }, /adapters alone \(lora\)/],
    ['reward', { copies: 8e9 }, /copies 8.0 GB.*train: 'head'/],
    ['text', { activations: 8e9 }, /minibatchSize.*maxGeneration/],
    ['text', { cache: 8e9 }, /KV cache 8.0 GB.*numEnvs/],
    ['text', { toLoad: 8e9 }, /other models 8.0 GB.*applyLora/],
    ['agent', { activations: 8e9 }, /rolloutSteps.*minibatchSize/],
    ['agent', { copies: 8e9 }, /smaller networks/],
  ] as const)('is told what to do: %s, %o', (kind, more, message) => {
    const { toLoad = 0 } = more as { readonly toLoad?: number };
    const check = (free: number) => () => checkBudget(memoryBudget({ ...parts, ...more }, free), kind, toLoad);
    expect(check(1e9)).toThrow(message);
    expect(check(9e9)).not.toThrow();
  });

  test('has weights that are not read first', async () => {
    const folder = fresh();
    mkdirSync(folder);
    const config = { model_type: 'gpt2', n_embd: 4096, n_head: 32, n_layer: 96, vocab_size: 50_257 };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    // Twelve times the square of the width a layer, and the tables.
    const bytes = 4 * (96 * 12 * 4096 ** 2 + (50_257 + 1024) * 4096);
    expect(storedBytes([folder, folder, fresh()])).toBe(bytes);
    expect(() => checkStored(folder, 'sft', bytes - 1)).toThrow(/weights 78.1 GB.*Take a smaller model/);
    expect(() => checkStored(folder, 'sft', bytes)).not.toThrow();
    const little = vi.spyOn(os, 'freemem').mockReturnValue(1e9);
    await expect(trainReward({ modelName: folder, datasetsPath: [] })).rejects.toThrow(MemoryBudgetError);
    const rlhf = {
      envName: 'RLHFEnv-v0',
      envOptions: { tokenizer, dataset: ['1+1='] },
      algorithm: { name: 'rloo' },
    } as const;
    const run = (envOptions: object) =>
      trainAgent({
        ...rlhf,
        envOptions: { ...rlhf.envOptions, ...envOptions },
        actor: tinyActor(),
        runDirectory: null,
        savePath: fresh(),
      });
    const reward = (text: string): number => text.length;
    await expect(run({ reward: folder, refModel: null, klCoef: 0 })).rejects.toThrow(/other models 78.1 GB/);
    await expect(run({ reward, refModel: folder })).rejects.toThrow(/other models 78.1 GB/);
    little.mockRestore();
  });

  test('is refused by every trainer, with nothing written; unless it is told to go on', async () => {
    const runDirectory = fresh();
    const little = vi.spyOn(os, 'freemem').mockReturnValue(1);
    await expect(tinySft(fresh(), { runDirectory })).rejects.toThrow(MemoryBudgetError);
    await expect(tinyText(fresh(), { runDirectory })).rejects.toThrow(/1.0 KB free|less than 1 MB free/);
    for (const algorithm of [{ name: 'ppo' }, { name: 'rloo' }, { name: 'reinforce' }] as const) {
      await expect(tinyText(fresh(), { runDirectory, algorithm })).rejects.toThrow(MemoryBudgetError);
    }
    await expect(tinyRun(fresh(), { runDirectory })).rejects.toThrow(MemoryBudgetError);
    const preferences = [{ prompt: 'a', chosen: 'b', rejected: 'c' }];
    const examples = { model: tinyGpt(), tokenizer: byteTokenizer(), runDirectory, testSize: 0 };
    await expect(trainDpo({ ...examples, dataset: preferences })).rejects.toThrow(MemoryBudgetError);
    for (const train of ['head', 'lora', 'full'] as const) {
      const run = trainReward({ ...examples, datasetsPath: preferences, train });
      await expect(run).rejects.toThrow(MemoryBudgetError);
    }
    const { actor } = cartPoleNetworks();
    const agent = { envName: 'CartPole-v1', actor, maxEpisodes: 8, runDirectory } as const;
    for (const name of ['grpo', 'rloo', 'reinforce'] as const) {
      await expect(trainAgent({ ...agent, algorithm: { name } })).rejects.toThrow(MemoryBudgetError);
    }
    expect(existsSync(runDirectory)).toBe(false);
    const callbacks = { onRolloutStart: () => false };
    const forced = await tinyRun(fresh(), { memoryCheck: false, callbacks });
    expect(forced).toMatchObject({ stoppedBy: 'callback', updates: 0 });
    little.mockRestore();
    // No machine has this much.
    const ppoConfig = { rolloutSteps: 1e12 };
    await expect(tinyRun(fresh(), { ppoConfig })).rejects.toThrow(MemoryBudgetError);
  });
});

describe('told', () => {
  test('to onStart and config.json, by every trainer', async () => {
    const starts: RunStart[] = [];
    const callbacks = { onStart: (start: RunStart) => (starts.push(start), false) };
    const runDirectory = [fresh(), fresh(), fresh()];
    await tinySft(fresh(), { runDirectory: runDirectory[0], callbacks });
    await tinyText(fresh(), { runDirectory: runDirectory[1], callbacks, savePath: undefined });
    await tinyRun(fresh(), { runDirectory: runDirectory[2], callbacks });
    expect(starts).toHaveLength(3);
    starts.forEach(({ memory }, i) => {
      const config = JSON.parse(readFileSync(join(runDirectory[i]!, 'config.json'), 'utf8')) as { memory: unknown };
      expect(config.memory).toEqual(memory);
      expect(memory.total).toBeGreaterThan(memory.weights + memory.gradients + memory.moments);
      expect(memoryText(memory)).toMatch(/^about [\d.]+ [MG]B: .*; [\d.]+ [MG]B free$/);
    });
    // Four slots with room for the whole context, which is short, and 2 layers of 2 heads of 16.
    expect(starts[1]!.memory.cache).toBe(4 * 2 * 2 * 4 * 2 * (32 + 1) * 16);
  });

  test('of RLHFEnv: its reference, which is a copy or the policy without adapters, and its reward model', async () => {
    const budgetOf = async (actor: ReturnType<typeof tinyActor>): Promise<number> => {
      let others = Number.NaN;
      await trainAgent({
        envName: 'RLHFEnv-v0',
        envOptions: { tokenizer, dataset: ['1+1='], reward: (text: string) => text.length },
        actor,
        algorithm: { name: 'rloo' },
        runDirectory: null,
        savePath: fresh(),
        callbacks: { onStart: ({ memory }) => ((others = memory.others), false) },
      });
      return others;
    };
    const actor = tinyActor();
    const bytes = weightsOf(actor.model);
    expect(await budgetOf(actor)).toBe(bytes);
    applyLora(actor.model);
    expect(await budgetOf(actor)).toBe(0);
  });
});

// Comes last: what is noted here holds for the process.
test('a later run uses what programs of an earlier one have taken', () => {
  const parameters = tinyGpt().parameters();
  const before = memoryBudget({ parameters, activations: 5e9 }, 4e9);
  expect(() => checkBudget(before, 'sft')).toThrow(MemoryBudgetError);
  beginBudget({ ...before, activations: 3e9 });
  const after = memoryBudget({ parameters, activations: 5e9 }, 4e9);
  expect(after.activations).toBe(5e9);
  expect(before.runtime - after.runtime).toBeGreaterThan(2e7);
  expect(() => checkBudget(after, 'sft')).not.toThrow();
});
