// Our side of transformers_live.py. Each line of standard input is a request, each line of standard output its answer (JSON):
// opens a folder of transformers (and of PEFT), or makes a model of a configuration, says what it computes, and saves it elsewhere.

import { createInterface } from 'node:readline';
import {
  applyLora,
  classifierFromConfig,
  classifierFromPretrained,
  fromConfig,
  fromPretrained,
  generate,
  CausalLM,
  loadLora,
  mergeLora,
  type RawConfig,
  savePretrained,
  saveLora,
  type SequenceClassifier,
} from '../../src/lm/index.ts';
import { gradientAssignments } from '../../src/nn/index.ts';
import { compile } from '../../src/runtime/index.ts';
import { tensor } from '../../src/tensor/index.ts';

interface Request {
  readonly task: 'causal' | 'classifier';
  /** A folder to open, or the configuration of a fresh model. */
  readonly folder?: string;
  readonly config?: RawConfig;
  readonly seed: number;
  /** Adapters to open, or a folder for adapters of ours. */
  readonly adapters?: string;
  readonly newAdapters?: string;
  readonly targetModules?: readonly string[];
  readonly ids: readonly (readonly number[])[];
  /** Where to save the model, and as what. */
  readonly saveTo: string;
  readonly dtype: 'float32' | 'float16' | 'bfloat16';
  readonly maxShardBytes: number;
}

type Model = CausalLM | SequenceClassifier;

async function open({ task, folder, config, seed }: Request): Promise<Model> {
  if (folder !== undefined) return task === 'causal' ? fromPretrained(folder) : classifierFromPretrained(folder);
  return task === 'causal' ? fromConfig(config!, { seed }) : classifierFromConfig(config!, { seed });
}

async function answer(request: Request): Promise<object> {
  const model = await open(request);
  const ids = tensor(request.ids, { dtype: 'int32' });
  if (request.adapters !== undefined) await loadLora(model, request.adapters);
  if (request.newAdapters !== undefined) {
    const { seed, targetModules } = request;
    applyLora(model, { r: 2, alpha: 5, targetModules }, { seed });
    for (const [name, parameter] of model.namedParameters()) {
      if (name.includes('lora_B')) parameter.set(Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i)));
    }
    await saveLora(model, request.newAdapters);
  }
  const outputs = model.forward(ids);
  const result: Record<string, unknown> = { outputs: [...outputs.dataSync()] };
  if (model instanceof CausalLM) {
    const [batch, time] = ids.shape as [number, number];
    const parameters = model.namedParameters();
    const step = compile(() => {
      const rows = model
        .forward(ids)
        .slice([null, 0], [null, -1])
        .reshape([batch * (time - 1), -1]);
      const loss = rows.crossEntropy(ids.slice([null, 1]).reshape([batch * (time - 1)])).mean();
      return { loss, gradients: gradientAssignments(loss, parameters.values()) };
    });
    result['loss'] = step().loss.item();
    const trained = [...parameters.values()].filter(({ frozen }) => !frozen);
    const squares = trained.map(({ gradient }) => gradient.data.reduce((sum, x) => sum + x * x, 0));
    result['gradientNorm'] = Math.sqrt(squares.reduce((sum, x) => sum + x, 0));
    step.dispose();
    const texts = await generate(
      model,
      request.ids.map((row) => row.slice(0, 4)),
      { temperature: 0, maxNewTokens: 6, stopTokenIds: [] },
    );
    result['tokens'] = texts.map(({ tokens }) => tokens);
  }
  if (request.adapters !== undefined || request.newAdapters !== undefined) {
    mergeLora(model);
    result['merged'] = [...model.forward(ids).dataSync()];
  }
  const { dtype, maxShardBytes } = request;
  await savePretrained(model, request.saveTo, { dtype, maxShardBytes });
  return result;
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line) as Request)));
}
