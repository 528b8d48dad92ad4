import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  applyLora,
  type CausalLM,
  classifierFromConfig,
  fromConfig,
  loadLora,
  mergeLora,
  type RawConfig,
  saveLora,
  withoutAdapters,
} from '../../src/lm/index.ts';
import { AdamW, gradientAssignments, readSafetensors } from '../../src/nn/index.ts';
import { compile } from '../../src/runtime/index.ts';
import { type Tensor, tensor } from '../../src/tensor/index.ts';
import fixture from '../fixtures/transformers/lora.json' with { type: 'json' };
import { decoded, fill, formula, relativeError } from './recorded.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gymformer-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const TOLERANCE = 1e-5;
const ids = tensor(fixture.ids, { dtype: 'int32' });
const PREFIX = 'base_model.model.';

function loss(model: CausalLM): Tensor {
  const [batch, time] = ids.shape as [number, number];
  const logits = model.forward(ids).slice([null, 0], [null, -1]);
  const targets = ids.slice([null, 1]).reshape([batch * (time - 1)]);
  return logits
    .reshape([batch * (time - 1), -1])
    .crossEntropy(targets)
    .mean();
}

// Recorded from PEFT 0.21: test/fixtures/transformers/record.py.
describe.each(fixture.rows)('adapters of $name against PEFT', (row) => {
  const adapted = (): CausalLM => {
    const model = fill(fromConfig(row.config as RawConfig, { seed: 0 }));
    applyLora(model, row.lora, { seed: 1 });
    return model;
  };
  const filled = (): CausalLM => {
    const model = adapted();
    const parameters = model.namedParameters();
    for (const [index, name] of row.names.entries()) {
      const parameter = parameters.get(name.slice(PREFIX.length))!;
      parameter.set(formula(index, parameter.size, false));
    }
    return model;
  };

  it('stand where PEFT puts them, and are all that is trained', () => {
    const trained = [...adapted().namedParameters()].filter(([, { frozen }]) => !frozen).map(([name]) => PREFIX + name);
    expect(trained.toSorted()).toEqual(row.names);
  });

  it('change nothing before training', () => {
    expect(relativeError(adapted().forward(ids).dataSync(), decoded(row.reference))).toBeLessThan(TOLERANCE);
  });

  it('give the same logits and gradients', () => {
    const model = filled();
    expect(relativeError(model.forward(ids).dataSync(), decoded(row.logits))).toBeLessThan(TOLERANCE);
    const parameters = model.namedParameters();
    const step = compile(() => gradientAssignments(loss(model), parameters.values()));
    step();
    const recorded: Readonly<Record<string, string | undefined>> = row.gradients;
    for (const name of row.names) {
      const { gradient } = parameters.get(name.slice(PREFIX.length))!;
      expect(relativeError(gradient.data, decoded(recorded[name]!)), name).toBeLessThan(TOLERANCE);
    }
    step.dispose();
  });

  it('are left out by a flag that one program may set and another not', () => {
    const model = filled();
    const both = compile(() => ({
      policy: model.forward(ids),
      reference: withoutAdapters(model, () => model.forward(ids)),
    }));
    const { policy, reference } = both();
    expect(relativeError(policy.dataSync(), decoded(row.logits))).toBeLessThan(TOLERANCE);
    expect(relativeError(reference.dataSync(), decoded(row.reference))).toBeLessThan(TOLERANCE);
    both.dispose();
  });

  it('merge into the weights', () => {
    const model = filled();
    mergeLora(model);
    expect(relativeError(model.forward(ids).dataSync(), decoded(row.logits))).toBeLessThan(TOLERANCE);
    expect([...model.namedParameters().keys()].filter((name) => name.includes('lora'))).toEqual([]);
    expect(model.parameters().every(({ frozen }) => !frozen)).toBe(true);
  });

  it('are saved by their names in PEFT and loaded again', async () => {
    const model = filled();
    await saveLora(model, folder, { baseModel: 'some/model' });
    const { tensors } = readSafetensors(readFileSync(join(folder, 'adapter_model.safetensors')));
    expect([...tensors.keys()].toSorted()).toEqual(row.names);
    const again = fill(fromConfig(row.config as RawConfig, { seed: 9 }));
    await loadLora(again, folder);
    expect(again.stateDict()).toEqual(model.stateDict());
    expect(again.forward(ids).dataSync()).toEqual(model.forward(ids).dataSync());
    const config = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
    expect(config).toMatchObject({ base_model_name_or_path: 'some/model', fan_in_fan_out: row.name === 'gpt2' });
  });

  it('decode as they score', () => {
    const model = filled();
    const decoder = model.decoder({ batch: 1, maxLength: 12 });
    const logits = decoder.extend(0, fixture.ids[1]!);
    expect(relativeError(logits, decoded(row.logits).slice(-logits.length))).toBeLessThan(TOLERANCE);
    decoder.release();
  });
});

const gpt2: RawConfig = { model_type: 'gpt2', vocab_size: 29, n_positions: 16, n_embd: 16, n_layer: 2, n_head: 2 };

describe('LoRA', () => {
  it('learns with the base as it was', () => {
    const model = fromConfig({ ...gpt2, initializer_range: 0.2 }, { seed: 0 });
    const before = model.stateDict();
    applyLora(model, { r: 4, alpha: 16, targetModules: 'all-linear' }, { seed: 1 });
    const optimizer = new AdamW(model.parameters(), { learningRate: 1e-2 });
    const step = compile(() => {
      const value = loss(model);
      return { loss: value, gradients: gradientAssignments(value, model.parameters()) };
    });
    const losses = Array.from({ length: 60 }, () => {
      const { loss: value } = step();
      optimizer.step();
      return value.item();
    });
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
    const after = model.stateDict();
    for (const [name, { data }] of before) expect(after.get(name)!.data).toEqual(data);
    step.dispose();
  });

  it("drops elements of an adapter's input in training alone", () => {
    const model = fromConfig({ ...gpt2, initializer_range: 0.2 }, { seed: 0 });
    applyLora(model, { dropout: 0.5 }, { seed: 1 });
    for (const [name, parameter] of model.namedParameters()) {
      if (name.includes('lora')) parameter.set(formula(1, parameter.size, false));
    }
    const run = (): Float32Array => model.forward(ids).dataSync() as Float32Array;
    expect(run()).not.toEqual(run());
    model.eval();
    expect(run()).toEqual(run());
  });

  it('leaves a classifier its head to train, and saves it too', async () => {
    const model = classifierFromConfig(gpt2, { seed: 0, numLabels: 1 });
    applyLora(model, {}, { seed: 1 });
    expect(model.score.weight.frozen).toBe(false);
    await saveLora(model, folder);
    const again = classifierFromConfig(gpt2, { seed: 0, numLabels: 1 });
    again.score.weight.set(new Float32Array(again.score.weight.size));
    await loadLora(again, folder);
    expect(again.stateDict()).toEqual(model.stateDict());
  });

  it('says what cannot be done', async () => {
    const model = fromConfig(gpt2, { seed: 0 });
    expect(() => applyLora(model, { targetModules: ['q_proj'] })).toThrow(
      'ends in q_proj; there are c_attn, c_proj, c_fc',
    );
    expect(() => applyLora(model, { r: 0 })).toThrow('r is 0');
    expect(model.parameters().some(({ frozen }) => frozen)).toBe(false);
    await expect(saveLora(model, folder)).rejects.toThrow('no adapters to save');
    await expect(loadLora(model, folder)).rejects.toThrow('cannot be read');
    applyLora(model);
    expect(() => applyLora(model)).toThrow('adapters already');
  });

  it('leaves a model as it was if adapters do not fit it, or ask for more than there is', async () => {
    const wide = fromConfig({ ...gpt2, n_embd: 32 }, { seed: 0 });
    applyLora(wide);
    await saveLora(wide, folder);
    const model = fromConfig(gpt2, { seed: 0 });
    const names = [...model.namedParameters().keys()];
    await expect(loadLora(model, folder)).rejects.toThrow(/misshapen: base_model\.model\.transformer/);
    const path = join(folder, 'adapter_config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as object;
    for (const [key, value] of Object.entries({
      use_dora: true,
      bias: 'all',
      peft_type: 'IA3',
      rank_pattern: { a: 4 },
    })) {
      writeFileSync(path, JSON.stringify({ ...config, [key]: value }));
      await expect(loadLora(model, folder)).rejects.toThrow(key);
    }
    expect([...model.namedParameters().keys()]).toEqual(names);
    expect(model.parameters().some(({ frozen }) => frozen)).toBe(false);
  });

  it("takes PEFT's regular expressions", async () => {
    const model = fromConfig(gpt2, { seed: 0 });
    applyLora(model, { targetModules: ['0.attn.c_attn'] });
    await saveLora(model, folder);
    const path = join(folder, 'adapter_config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...config, target_modules: '.*\\.0\\.attn\\.c_attn' }));
    const again = fromConfig(gpt2, { seed: 0 });
    await loadLora(again, folder);
    expect(again.stateDict()).toEqual(model.stateDict());
  });

  it.for(['(([a-z0-9_]|[.])+)+!', '(a', '(?<='])(
    'refuses the pattern %s, which never ends or is none',
    async (pattern) => {
      const model = fromConfig(gpt2, { seed: 0 });
      applyLora(model, {});
      await saveLora(model, folder);
      const path = join(folder, 'adapter_config.json');
      const config = JSON.parse(readFileSync(path, 'utf8')) as object;
      writeFileSync(path, JSON.stringify({ ...config, target_modules: pattern }));
      await expect(loadLora(fromConfig(gpt2, { seed: 0 }), folder)).rejects.toThrow(/target_modules is the pattern/);
    },
  );
});
