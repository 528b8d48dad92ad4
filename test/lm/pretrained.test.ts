import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  applyLora,
  classifierFromConfig,
  classifierFromPretrained,
  fromConfig,
  fromPretrained,
  MODEL_TYPES,
  type PretrainedModel,
  type RawConfig,
  readConfig,
  savePretrained,
} from '../../src/lm/index.ts';
import { parameterCount } from '../../src/lm/models/parameter-count.ts';
import { readSafetensors, SafetensorsError, writeSafetensors } from '../../src/nn/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import { relativeError } from './recorded.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gymformer-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const gpt2: RawConfig = { model_type: 'gpt2', vocab_size: 23, n_positions: 16, n_embd: 12, n_layer: 2, n_head: 2 };
const llama: RawConfig = {
  model_type: 'llama',
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 16,
};
const configs = {
  gpt2,
  'gpt2, untied': { ...gpt2, tie_word_embeddings: false },
  llama,
  qwen2: { ...llama, model_type: 'qwen2', tie_word_embeddings: true },
};
const ids = tensor([[1, 5, 2, 9, 11]], { dtype: 'int32' });

const outputs = (model: PretrainedModel & { forward(x: typeof ids): typeof ids }) =>
  model.forward(ids).dataSync() as Float32Array;
const path = (name: string): string => join(folder, name);
const read = (name: string): Record<string, unknown> => JSON.parse(readFileSync(path(name), 'utf8'));
const write = (name: string, value: object): void => writeFileSync(path(name), JSON.stringify(value));
const names = (): string[] => [...readSafetensors(readFileSync(path('model.safetensors'))).tensors.keys()].toSorted();

describe.each(Object.entries(configs))('a folder of %s', (_, config) => {
  it('gives back what was saved, exactly', async () => {
    const model = fromConfig(config, { seed: 1 });
    await savePretrained(model, folder);
    const again = await fromPretrained(folder);
    expect(again.stateDict()).toEqual(model.stateDict());
    expect(outputs(again)).toEqual(outputs(model));
    expect(readdirSync(folder).toSorted()).toEqual(['config.json', 'generation_config.json', 'model.safetensors']);
    expect(names().some((name) => name.startsWith('lm_head'))).toBe(!model.config.tieWordEmbeddings);
  });

  it('may be in parts, which replace an earlier save, and the other way round', async () => {
    const model = fromConfig(config, { seed: 2 });
    await savePretrained(fromConfig(config, { seed: 3 }), folder);
    await savePretrained(model, folder, { maxShardBytes: 4000 });
    const parts = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
    expect(parts.length).toBeGreaterThan(2);
    expect(parts).not.toContain('model.safetensors');
    const index = read('model.safetensors.index.json') as { metadata: { total_size: number }; weight_map: object };
    expect(new Set(Object.values(index.weight_map))).toEqual(new Set(parts));
    expect(index.metadata.total_size).toBe(4 * model.parameters().reduce((sum, { size }) => sum + size, 0));
    expect((await fromPretrained(folder)).stateDict()).toEqual(model.stateDict());
    await savePretrained(model, folder);
    expect(readdirSync(folder).filter((name) => name.includes('safetensors'))).toEqual(['model.safetensors']);
  });

  it.each([
    ['float16', 2e-3],
    ['bfloat16', 2e-2],
  ] as const)('may be of %s', async (dtype, tolerance) => {
    const model = fromConfig(config, { seed: 4 });
    await savePretrained(model, folder, { dtype });
    const again = await fromPretrained(folder);
    const error = relativeError(outputs(again), outputs(model));
    expect(error).toBeLessThan(tolerance);
    expect(error).toBeGreaterThan(0);
    expect(read('config.json')['dtype']).toBe(dtype);
  });

  it('may have a head that judges texts, or get one', async () => {
    const judge = classifierFromConfig(config, { seed: 5, numLabels: 1 });
    await savePretrained(judge, folder);
    const again = await classifierFromPretrained(folder);
    expect(again.config.numLabels).toBe(1);
    expect(outputs(again)).toEqual(outputs(judge));

    await savePretrained(fromConfig(config, { seed: 6 }), folder);
    const fresh = await classifierFromPretrained(folder, { numLabels: 3, seed: 7 });
    expect(fresh.score.weight.shape[0]).toBe(3);
    expect(outputs(fresh)).toEqual(outputs(await classifierFromPretrained(folder, { numLabels: 3, seed: 7 })));
    expect(outputs(fresh)).not.toEqual(outputs(await classifierFromPretrained(folder, { numLabels: 3, seed: 8 })));
  });
});

describe('fromPretrained', () => {
  it('reads the checkpoint of a bare Transformer, with buffers of old, as the first GPT-2 was published', async () => {
    const model = fromConfig(gpt2, { seed: 1 });
    await savePretrained(model, folder);
    const { tensors } = readSafetensors(readFileSync(path('model.safetensors')));
    const bare = new Map([...tensors].map(([name, entry]) => [name.replace('transformer.', ''), entry]));
    bare.set('h.0.attn.bias', { dtype: 'F32', shape: [1, 1, 2, 2], data: new Float32Array(4) });
    bare.set('lm_head.weight', tensors.get('transformer.wte.weight')!);
    writeFileSync(path('model.safetensors'), writeSafetensors(bare));
    expect((await fromPretrained(folder)).stateDict()).toEqual(model.stateDict());
  });

  it('takes the tokens that end a text from generation_config.json first', async () => {
    await savePretrained(fromConfig({ ...gpt2, eos_token_id: 4 }, { seed: 1 }), folder);
    expect((await fromPretrained(folder)).config.eosTokenIds).toEqual([4]);
    write('generation_config.json', { eos_token_id: [5, 6], temperature: 0.7 });
    const model = await fromPretrained(folder);
    expect(model.config.eosTokenIds).toEqual([5, 6]);
    await savePretrained(model, folder);
    expect(read('generation_config.json')).toEqual({ eos_token_id: [5, 6], temperature: 0.7 });
  });

  it('keeps every key of config.json', async () => {
    await savePretrained(fromConfig({ ...gpt2, my_key: { deep: [1] } }, { seed: 1 }), folder);
    expect(read('config.json')).toMatchObject({ my_key: { deep: [1] }, architectures: ['GPT2LMHeadModel'] });
  });

  it('names what is missing', async () => {
    await expect(fromPretrained(path('nowhere/at/all'))).rejects.toThrow('there is no folder');
    await expect(fromPretrained(folder)).rejects.toThrow('has no config.json');
    write('config.json', gpt2);
    await expect(fromPretrained(folder)).rejects.toThrow('has neither model.safetensors nor');
    writeFileSync(path('pytorch_model.bin'), '');
    await expect(fromPretrained(folder)).rejects.toThrow('only pytorch_model.bin: convert it');
    write('model.safetensors.index.json', {
      weight_map: { 'transformer.wte.weight': 'model-00001-of-00002.safetensors' },
    });
    await expect(fromPretrained(folder)).rejects.toThrow('has no model-00001-of-00002.safetensors');
    await expect(fromPretrained(path('config.json'))).rejects.toThrow('is a file: give the folder');
  });

  it('opens no file outside the folder', async () => {
    write('config.json', gpt2);
    for (const name of ['../../etc/passwd', '../secret.safetensors', '/etc/hosts', 'a/b.safetensors', 'notes.txt', 5]) {
      write('model.safetensors.index.json', { weight_map: { 'transformer.wte.weight': name } });
      await expect(fromPretrained(folder)).rejects.toThrow('which is no safetensors file of this folder');
    }
  });

  it('refuses sizes that cannot be before any memory is taken', async () => {
    const model = fromConfig(gpt2, { seed: 1 });
    await savePretrained(model, folder);
    const absurd: [object, RegExp][] = [
      [{ n_embd: 1e12 }, /n_embd: Too big/],
      [{ n_layer: 1e9 }, /n_layer: Too big/],
      [{ vocab_size: 1e15 }, /vocab_size: Too big/],
      [{ n_embd: -8 }, /n_embd: Too small/],
      [{ n_embd: 1.5 }, /n_embd: Invalid input: expected int/],
      [{ n_embd: '8' }, /n_embd: Invalid input: expected number, received string/],
      [
        { n_embd: 2 ** 20, n_layer: 2 ** 14 },
        /describes a model of about 2\.2e\+17 parameters: a size in it must be wrong/,
      ],
      [
        { n_embd: 8192, n_layer: 40 },
        /describes a model of about 3\.2e\+10 parameters, but the files of weights hold 4\d+/,
      ],
    ];
    for (const [sizes, message] of absurd) {
      write('config.json', { ...gpt2, ...sizes });
      await expect(fromPretrained(folder)).rejects.toThrow(message);
    }
    expect(() => fromConfig({ ...gpt2, n_embd: 2 ** 20, n_layer: 2 ** 14 })).toThrow(/a size in it must be wrong/);
    // The estimate is of the matrices alone, and so a little below what there is.
    const count = model.parameters().reduce((sum, { size }) => sum + size, 0);
    const estimate = parameterCount(model.config);
    expect(estimate).toBeLessThan(count);
    expect(estimate).toBeGreaterThan(0.9 * count);
  });

  it('refuses a file of weights with other elements, or none', async () => {
    await savePretrained(fromConfig(gpt2, { seed: 1 }), folder);
    const bytes = readFileSync(path('model.safetensors'));
    const length = Number(bytes.readBigUInt64LE(0));
    const header = bytes
      .subarray(8, 8 + length)
      .toString()
      .replaceAll('"F32"', '"I32"');
    writeFileSync(
      path('model.safetensors'),
      Buffer.concat([bytes.subarray(0, 8), Buffer.from(header), bytes.subarray(8 + length)]),
    );
    await expect(fromPretrained(folder)).rejects.toThrow('has elements of type I32, which are no floats');
    rmSync(path('model.safetensors'));
    mkdirSync(path('model.safetensors'));
    await expect(fromPretrained(folder)).rejects.toThrow(/model\.safetensors: .*directory/);
    rmSync(path('model.safetensors'), { recursive: true });
    write('model.safetensors.index.json', { weight_map: {} });
    await expect(fromPretrained(folder)).rejects.toThrow('names no file of weights');
    rmSync(path('config.json'));
    mkdirSync(path('config.json'));
    await expect(fromPretrained(folder)).rejects.toThrow(/config\.json cannot be read: .*directory/);
  });

  it('names every weight that does not fit', async () => {
    await savePretrained(fromConfig(gpt2, { seed: 1 }), folder);
    write('config.json', { ...gpt2, n_layer: 3, vocab_size: 24 });
    await expect(fromPretrained(folder)).rejects.toThrow(
      /do not fit GPT2LMHeadModel[^]*misshapen: transformer\.wte\.weight has shape \[23, 12\], not \[24, 12\][^]*missing: transformer\.h\.2/,
    );
    write('config.json', { ...gpt2, n_layer: 1 });
    await expect(fromPretrained(folder)).rejects.toThrow(/extra: transformer\.h\.1/);
  });

  it('refuses damaged files, and says which', async () => {
    await savePretrained(fromConfig(gpt2, { seed: 1 }), folder);
    const bytes = readFileSync(path('model.safetensors'));
    writeFileSync(path('model.safetensors'), bytes.subarray(0, bytes.length - 1));
    await expect(fromPretrained(folder)).rejects.toThrow(SafetensorsError);
    await expect(fromPretrained(folder)).rejects.toThrow(/model\.safetensors: .*cut off/);
    writeFileSync(path('model.safetensors'), 'nothing');
    await expect(fromPretrained(folder)).rejects.toThrow(SafetensorsError);
    writeFileSync(path('config.json'), '{');
    await expect(fromPretrained(folder)).rejects.toThrow('config.json is no JSON');
  });
});

describe('savePretrained', () => {
  it('lets the tokenizer save its files beside the model', async () => {
    const saved: string[] = [];
    await savePretrained(fromConfig(gpt2, { seed: 1 }), folder, { tokenizer: { save: (where) => saved.push(where) } });
    expect(saved).toEqual([folder]);
  });

  it('does not save adapters as if they were weights', async () => {
    const model = fromConfig(gpt2, { seed: 1 });
    applyLora(model);
    await expect(savePretrained(model, folder)).rejects.toThrow('merge them (mergeLora)');
  });
});

describe('readConfig', () => {
  it('names the architectures there are, when it is asked for another', () => {
    expect(() => readConfig({ model_type: 'mamba' })).toThrow(
      `'mamba' (model_type) is not supported; there are ${MODEL_TYPES.join(', ')}`,
    );
    expect(() => readConfig({})).toThrow("'undefined' (model_type)");
  });

  it.each<[RawConfig, string]>([
    [{ ...gpt2, n_layer: 'two' }, 'n_layer'],
    [{ ...gpt2, n_head: 5 }, 'a hidden size of 12 does not divide into 5 heads'],
    [{ ...gpt2, activation_function: 'mish' }, "the activation 'mish' is not supported; there are gelu"],
    [{ ...gpt2, add_cross_attention: true }, 'cross-attention is not supported'],
    [{ ...llama, num_key_value_heads: 3 }, '4 heads cannot share 3'],
    [
      { ...llama, rope_scaling: { rope_type: 'longrope' } },
      "type 'longrope' (rope_type) are not supported; there are default",
    ],
    [{ ...llama, rope_scaling: { type: 'linear' } }, 'factor'],
    [{ ...llama, partial_rotary_factor: 0.5 }, 'only a part of each head is not supported'],
    [{ ...llama, model_type: 'qwen2', use_sliding_window: true }, 'sliding window is not supported'],
  ])('%o cannot be used', (config, message) => {
    expect(() => readConfig(config)).toThrow(message);
  });

  it('reads what older files say with other keys', () => {
    const old = readConfig({
      ...llama,
      rope_theta: 500,
      rope_scaling: { type: 'linear', factor: 2 },
      pad_token_id: -1,
    });
    const fresh = readConfig({ ...llama, rope_parameters: { rope_theta: 500, rope_type: 'linear', factor: 2 } });
    expect(old.rope).toEqual({ theta: 500, scaling: { type: 'linear', factor: 2 } });
    expect(fresh.rope).toEqual(old.rope);
    expect(old.padTokenId).toBeUndefined();
  });
});

describe('fromConfig', () => {
  it('draws weights as transformers does: normal, narrower where they lead back, biases 0, norms 1', () => {
    const wide = { ...gpt2, n_embd: 96, n_layer: 2, initializer_range: 0.05 };
    const state = fromConfig(wide, { seed: 1 }).stateDict();
    const deviation = (name: string): number => {
      const { data } = state.get(name)!;
      return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
    };
    expect(deviation('transformer.h.0.attn.c_attn.weight')).toBeCloseTo(0.05, 3);
    expect(deviation('transformer.wte.weight')).toBeCloseTo(0.05, 2);
    expect(deviation('transformer.h.1.mlp.c_proj.weight')).toBeCloseTo(0.05 / Math.sqrt(4), 3);
    expect(deviation('transformer.h.0.attn.c_attn.bias')).toBe(0);
    expect([...state.get('transformer.ln_f.weight')!.data]).toEqual(Array.from({ length: 96 }, () => 1));
  });

  it('gives the same model for the same seed, and another for another', () => {
    const state = (seed: number): unknown => fromConfig(llama, { seed }).stateDict();
    expect(state(1)).toEqual(state(1));
    expect(state(1)).not.toEqual(state(2));
  });
});
