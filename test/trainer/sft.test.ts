import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { applyLora, type CausalLM, chatmlTemplate, fromPretrained, generate, Tokenizer } from '../../src/lm/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import {
  CheckpointError,
  type SftResult,
  TrainingDivergedError,
  TrainingFailedError,
  trainSft,
  type TrainSftOptions,
} from '../../src/trainer/index.ts';
import { readSftData } from '../../src/trainer/sft-data.ts';
import { resolveSftOptions } from '../../src/trainer/sft-settings.ts';
import { byteTokenizer, CAPITALS, tinyGpt, tinyLlama, tinySft } from './sft-models.ts';
import { temporaryDirectory } from './tiny-run.ts';

const root = temporaryDirectory();
let folders = 0;
const fresh = (): string => join(root, String(folders++));
const END = '<|end|>';

/** The mean loss of the completions and the tokens that end them, text by text, from the model's scores alone. */
function meanLoss(model: CausalLM, rows: readonly { readonly prompt: string; readonly completion: string }[]): number {
  const tokenizer = byteTokenizer();
  let [sum, count] = [0, 0];
  for (const { prompt, completion } of rows) {
    const before = tokenizer.encode(prompt);
    const ids = [...before, ...tokenizer.encode(completion), tokenizer.eosTokenId!];
    const logits = model.forward(tensor([ids], { dtype: 'int32' })).dataSync();
    const vocabulary = model.config.vocabSize;
    for (let i = Math.max(1, before.length); i < ids.length; i++) {
      const scores = Array.from(logits.subarray((i - 1) * vocabulary, i * vocabulary));
      sum += Math.log(scores.reduce((total, x) => total + Math.exp(x), 0)) - scores[ids[i]!]!;
      count++;
    }
  }
  return sum / count;
}

function largestDifference(a: CausalLM, b: CausalLM): number {
  const [left, right] = [a.stateDict(), b.stateDict()];
  return Math.max(
    ...[...left].map(([name, { data }]) => Math.max(...data.map((x, i) => Math.abs(x - right.get(name)!.data[i]!)))),
  );
}

const everyRow: Partial<TrainSftOptions> = { batchSize: 8, maxSteps: 3 };

describe('learning', () => {
  test('two lines are learned by heart, and the folder that is saved knows them', async () => {
    const dataset = [
      { prompt: 'one', completion: ' eins' },
      { prompt: 'two', completion: ' zwei' },
    ];
    const { trainLoss, modelFolder } = await tinySft(fresh(), {
      dataset,
      maxSteps: 100,
      learningRate: 5e-3,
      lrSchedule: 'constant',
    });
    expect(trainLoss[0]).toBeGreaterThan(5);
    expect(trainLoss.at(-1)).toBeLessThan(0.05);
    const model = await fromPretrained(modelFolder);
    const tokenizer = await Tokenizer.fromPretrained(modelFolder);
    const said = await generate(
      model,
      dataset.map(({ prompt }) => tokenizer.encode(prompt)),
      { temperature: 0, stopTokenIds: [tokenizer.eosTokenId!] },
    );
    expect(said.map(({ tokens }) => tokenizer.decode(tokens))).toEqual([` eins${END}`, ` zwei${END}`]);
  });

  test('the first loss is that of the untouched model over the completions', async () => {
    const { trainLoss } = await tinySft(fresh(), everyRow);
    expect(trainLoss[0]).toBeCloseTo(meanLoss(tinyGpt(), CAPITALS), 5);
  });

  test('only adapters are trained, and saved, where there are some', async () => {
    const model = tinyGpt();
    applyLora(model, { r: 2 }, { seed: 1 });
    const before = model.stateDict();
    const { modelFolder } = await tinySft(fresh(), { model, learningRate: 1e-2 });
    for (const [name, { data }] of model.stateDict()) {
      const changed = data.some((x, i) => x !== before.get(name)!.data[i]);
      expect([name, changed]).toEqual([name, name.includes('lora_')]);
    }
    expect(existsSync(join(modelFolder, 'adapter_model.safetensors'))).toBe(true);
    expect(existsSync(join(modelFolder, 'model.safetensors'))).toBe(false);
  });

  test('adapters that are asked for are those that applyLora makes', async () => {
    const model = tinyGpt();
    applyLora(model, { r: 2 }, { seed: 5 });
    const applied = await tinySft(fresh(), { model, seed: 5 });
    expect((await tinySft(fresh(), { lora: { r: 2 }, seed: 5 })).trainLoss).toEqual(applied.trainLoss);
  });
});

describe.each([
  ['GPT-2, learned positions', tinyGpt],
  ['Llama, rotary positions', tinyLlama],
])('the same tokens give the same steps: %s', (_name, make) => {
  const losses = async (options: Partial<TrainSftOptions>): Promise<[SftResult, CausalLM]> => {
    const model = make();
    return [await tinySft(fresh(), { model, ...everyRow, ...options }), model];
  };
  const equal = ([a, first]: [SftResult, CausalLM], [b, second]: [SftResult, CausalLM]): void => {
    a.trainLoss.forEach((loss, i) => expect(Math.abs(b.trainLoss[i]! / loss - 1)).toBeLessThan(2e-5));
    // AdamW makes steps of about the learning rate, 1e-3, of gradients of any size.
    expect(largestDifference(first, second)).toBeLessThan(1e-4);
    expect(largestDifference(first, make())).toBeGreaterThan(1e-3);
  };

  test('eight batches of one row, or one of eight', async () => {
    equal(await losses({}), await losses({ batchSize: 1, gradientAccumulation: 8 }));
  });

  test('rows of several texts, or of one', async () => {
    const packed = await losses({ packing: true });
    equal(await losses({}), packed);
    expect(packed[0].tokens).toBe((await losses({}))[0].tokens);
  });
});

describe('what is learned', () => {
  /** Each row's tokens, learned ones in brackets. */
  async function learned(dataset: readonly object[], more: Partial<TrainSftOptions> = {}): Promise<string[]> {
    const tokenizer = byteTokenizer();
    tokenizer.chatTemplate = chatmlTemplate;
    const options: TrainSftOptions = { model: tinyGpt(), tokenizer, dataset, ...more };
    const { train } = await readSftData(options, resolveSftOptions(options, 0));
    return train.map(({ ids, learned: flags }) => {
      const text = Array.from(ids, (id, i) => (flags[i] ? `[${tokenizer.decode([id])}]` : tokenizer.decode([id])));
      return text.join('').replaceAll('][', '');
    });
  }

  test('completions, and the end', async () => {
    expect(await learned([{ prompt: 'ab', completion: 'cd' }])).toEqual([`ab[cd${END}]`]);
    expect(await learned([{ prompt: '', completion: 'cd' }])).toEqual([`c[d${END}]`]);
  });

  test('an end that is there is not doubled', async () => {
    expect(await learned([{ prompt: 'ab', completion: `cd${END}` }])).toEqual([`ab[cd${END}]`]);
  });

  test('prompts too, if asked for', async () => {
    expect(await learned([{ prompt: 'ab', completion: 'cd' }], { completionOnly: false })).toEqual([`a[bcd${END}]`]);
  });

  test('texts, all but the first token', async () => {
    expect(await learned([{ text: 'abc' }])).toEqual([`a[bc${END}]`]);
  });

  test("the assistant's messages", async () => {
    const messages = [
      { role: 'user', content: 'A' },
      { role: 'assistant', content: 'B' },
    ];
    expect(await learned([{ messages }])).toEqual([
      '<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n[B<|im_end|>]\n',
    ]);
  });

  test('of a conversation parted into prompt and completion, too', async () => {
    const [prompt, completion] = [[{ role: 'user', content: '' }], [{ role: 'assistant', content: 'B' }]];
    expect((await learned([{ prompt, completion }]))[0]).toContain('[B<|im_end|>]');
  });

  test('the form that is asked for, where rows have several', async () => {
    const row = { text: 'xyz', prompt: 'ab', completion: 'cd' };
    expect(await learned([row])).toEqual([`ab[cd${END}]`]);
    expect(await learned([row], { format: 'text' })).toEqual([`x[yz${END}]`]);
  });

  test('long rows are cut and empty ones left out, with one warning each that counts them', async () => {
    const warnings: string[] = [];
    const dataset = [{ text: 'abcdefgh' }, { text: '' }, { text: 'abcdefghi' }, { text: 'ab' }];
    const rows = await learned(dataset, { maxLength: 5, warn: (message) => warnings.push(message) });
    expect(rows).toEqual(['a[bcde]', 'a[bcde]', `a[b${END}]`]);
    expect(warnings).toEqual([
      '2 of 4 rows are longer than maxLength 5: their ends were cut off',
      '1 of 4 rows are empty and were left out',
    ]);
  });
});

describe('evaluation', () => {
  test('on a dataset: the mean over its tokens, after each epoch and at the end', async () => {
    const evalDataset = CAPITALS.slice(0, 3);
    const model = tinyGpt();
    const result = await tinySft(fresh(), { model, evalDataset, maxSteps: 5 });
    // Eight rows are two steps.
    expect(result.evaluations.map(({ step }) => step)).toEqual([2, 4, 5]);
    expect(result.evalLoss).toBe(result.evaluations.at(-1)!.loss);
    expect(result.evalLoss).toBeCloseTo(meanLoss(model, evalDataset), 5);
    expect(result.metrics.map((row) => 'evalLoss' in row)).toEqual([false, true, false, true, true]);
  });

  test('on rows that are kept back', async () => {
    const seen = await tinySft(fresh(), { testSize: 2, epochs: 1, maxSteps: undefined, batchSize: 1, evalInterval: 4 });
    expect(seen.steps).toBe(6);
    expect(seen.evaluations.map(({ step }) => step)).toEqual([4, 6]);
  });

  test('is none without rows', async () => {
    const { evalLoss, evaluations } = await tinySft(fresh());
    expect([evalLoss, evaluations]).toEqual([null, []]);
  });
});

describe('a run', () => {
  test('writes its directory: settings, a line a step, checkpoints, and how it ended', async () => {
    const runDirectory = fresh();
    const result = await tinySft('', {
      runDirectory,
      savePath: undefined,
      maxSteps: 4,
      saveInterval: 2,
      warmupSteps: 2,
    });
    expect(readdirSync(runDirectory).sort()).toEqual([
      'checkpoints',
      'config.json',
      'media',
      'metrics.jsonl',
      'summary.json',
    ]);
    const rows = readFileSync(join(runDirectory, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    expect(rows.map((row) => JSON.parse(row) as unknown)).toEqual(result.metrics);
    expect(result.metrics.map(({ step, epoch, learningRate }) => [step, epoch, learningRate])).toEqual([
      [1, 0.5, 0],
      [2, 1, 5e-4],
      [3, 1.5, 1e-3],
      [4, 2, 5e-4],
    ]);
    expect(readdirSync(join(runDirectory, 'checkpoints')).sort()).toEqual(['sft_step_2', 'sft_step_4']);
    const read = (name: string): unknown => JSON.parse(readFileSync(join(runDirectory, name), 'utf8'));
    expect(read('config.json')).toMatchObject({ kind: 'sft', seed: 5, batchSize: 4, format: 'prompt-completion' });
    expect(read('summary.json')).toMatchObject({ stoppedBy: 'maxSteps', steps: 4, checkpoint: result.modelFolder });
  });

  test('ends with a checkpoint when its signal says so, for the event loop lives', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const result = await tinySft(fresh(), { maxSteps: 1_000_000, signal: controller.signal });
    expect(result.stoppedBy).toBe('signal');
    expect(existsSync(join(result.modelFolder, 'model.safetensors'))).toBe(true);
  });

  test('tells callbacks where it stands, and ends when one says so', async () => {
    const told: unknown[] = [];
    const result = await tinySft(fresh(), {
      maxSteps: 10,
      evalDataset: CAPITALS.slice(0, 1),
      callbacks: {
        onStep: ({ steps, totalSteps, epochs, loss }) => {
          told.push([steps, totalSteps, epochs, loss === null]);
          return steps === 2 ? { stop: 'enough' } : undefined;
        },
        onEvaluate: (loss) => void told.push(['evaluated', loss > 0]),
        onCheckpoint: (path) => void told.push(path),
      },
    });
    expect(result).toMatchObject({ stoppedBy: 'callback', stopReason: 'enough', steps: 2 });
    expect(told).toEqual([[1, 10, 0.5, false], [2, 10, 1, false], ['evaluated', true], result.modelFolder]);
  });

  test('the same seed gives the same run, another one another', async () => {
    const [a, b, c] = [await tinySft(fresh()), await tinySft(fresh()), await tinySft(fresh(), { seed: 6 })];
    expect(b.trainLoss).toEqual(a.trainLoss);
    expect(c.trainLoss).not.toEqual(a.trainLoss);
  });
});

describe('going on', () => {
  const settings: Partial<TrainSftOptions> = {
    maxSteps: 7,
    batchSize: 2,
    gradientAccumulation: 2,
    evalDataset: CAPITALS.slice(2, 5),
    weightDecay: 0.1,
    lrSchedule: 'cosine',
  };

  test.each([
    ['in the middle of an epoch', {}],
    ['with packed rows', { packing: true, batchSize: 1, maxLength: 40 }],
  ])('%s: the same numbers, to the last bit, as without a break', async (_name, more) => {
    const whole = await tinySft(fresh(), { ...settings, ...more });
    const controller = new AbortController();
    const broken = await tinySft(fresh(), {
      ...settings,
      ...more,
      signal: controller.signal,
      callbacks: { onStep: ({ steps }) => (steps === 3 ? controller.abort() : undefined) },
    });
    expect(broken.steps).toBe(3);
    const resumed = await tinySft(fresh(), { ...settings, ...more, seed: undefined, resume: broken.modelFolder });
    expect(resumed.trainLoss).toEqual(whole.trainLoss);
    expect(resumed.evaluations).toEqual(whole.evaluations);
    expect(resumed.tokens).toBe(whole.tokens);
    expect(largestDifference(resumed.model, whole.model)).toBe(0);
    expect(resumed.metrics.map(({ step }) => step)).toEqual([4, 5, 6, 7]);
  });

  test('from what it cannot: says what is wrong', async () => {
    const { modelFolder } = await tinySft(fresh(), { maxSteps: 1 });
    const resume = (more: Partial<TrainSftOptions>, path = modelFolder) =>
      tinySft(fresh(), { maxSteps: 2, ...more, resume: path });
    await expect(resume({ batchSize: 2 })).rejects.toThrow('batchSize was 4 and is 2');
    await expect(resume({ seed: 9 })).rejects.toThrow('seed was 5 and is 9');
    await expect(resume({ dataset: CAPITALS.slice(1) })).rejects.toThrow('examples was 8 and is 7');
    await expect(resume({ model: tinyGpt({ width: 16 }) })).rejects.toThrow('misshapen');
    await expect(resume({}, join(root, 'nowhere'))).rejects.toThrow('there is no checkpoint here');
    const damaged = (await tinySft(fresh(), { maxSteps: 1 })).modelFolder;
    const file = join(damaged, 'training.safetensors');
    writeFileSync(file, readFileSync(file).subarray(0, -8));
    await expect(resume({}, damaged)).rejects.toThrow(CheckpointError);
    writeFileSync(join(damaged, 'training.json'), '{ "format": "gymformer-sft"');
    await expect(resume({}, damaged)).rejects.toThrow('training.json: not complete JSON');
  });
});

describe('what goes wrong', () => {
  test('a loss that is no number: stops, names it, and keeps the last good weights', async () => {
    const error = await tinySft(fresh(), { learningRate: 1e30, maxSteps: 20 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TrainingDivergedError);
    const { metric, checkpoint, message } = error as TrainingDivergedError;
    expect(['loss', 'gradNorm']).toContain(metric);
    expect(message).toMatch(/Training diverged in update \d+: (loss|gradNorm) became .*learning rate/);
    const weights = (await fromPretrained(checkpoint)).stateDict();
    for (const { data } of weights.values()) expect(data.every(Number.isFinite)).toBe(true);
  });

  test('onNonFinite skip: a step without a finite loss leaves the weights alone and is counted, also by a run that goes on', async () => {
    const model = tinyGpt();
    const bias = model.parameters().find(({ shape }) => shape.length === 1)!;
    let good = 0;
    const onStep = ({ steps }: { steps: number }): void => {
      const { data } = bias.storage;
      if (steps === 2) [good, data[0]] = [data[0]!, Number.NaN];
      if (steps === 3) data[0] = good;
    };
    const options = { onNonFinite: 'skip', maxSteps: 5, saveInterval: 3 } as const;
    const folder = fresh();
    const whole = await tinySft(folder, { ...options, model, callbacks: { onStep } });
    expect(whole.metrics.map(({ skippedSteps }) => skippedSteps)).toEqual([0, 0, 1, 0, 0]);
    expect(whole.trainLoss.map(Number.isFinite)).toEqual([true, true, false, true, true]);
    const resumed = await tinySft(fresh(), { ...options, resume: join(folder, 'sft_step_3') });
    expect(resumed.trainLoss).toEqual(whole.trainLoss);
    const error = await tinySft(fresh(), { onNonFinite: 'skip', learningRate: 1e30, maxSteps: 20 }).catch((e) => e);
    expect(error).toBeInstanceOf(TrainingDivergedError);
    expect((error as Error).message).toMatch(/in update 12: loss became NaN, after 10 skipped steps in a row/);
    const { checkpoint } = error as TrainingDivergedError;
    const again = tinySft(fresh(), { onNonFinite: 'skip', learningRate: 1e30, maxSteps: 20, resume: checkpoint });
    await expect(again).rejects.toThrow('in update 12: loss became NaN, after 10 skipped steps in a row');
  });

  test('a callback that throws: what was learned is saved, and the run that goes on is the one that would have been', async () => {
    const onStep = ({ steps }: { steps: number }): void => {
      if (steps === 3) throw new Error('the tracker is down');
    };
    const error = await tinySft(fresh(), { maxSteps: 6, callbacks: { onStep } }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TrainingFailedError);
    const { checkpoint, message } = error as TrainingFailedError;
    expect(message).toContain('the tracker is down');
    expect(message).toContain(`Go on with { resume: '${checkpoint}' }`);
    const [whole, resumed] = [
      await tinySft(fresh(), { maxSteps: 6 }),
      await tinySft(fresh(), { maxSteps: 6, resume: checkpoint }),
    ];
    expect(resumed.trainLoss).toEqual(whole.trainLoss);
    expect(largestDifference(resumed.model, whole.model)).toBe(0);
  });

  test('a row without what the others have: the file and the line', async () => {
    const path = join(root, 'rows.jsonl');
    writeFileSync(path, `${JSON.stringify(CAPITALS[0])}\n${JSON.stringify({ prompt: 'x', answer: 'y' })}\n`);
    await expect(tinySft(fresh(), { dataset: path })).rejects.toThrow(
      `${path}, line 2: has no field 'completion'; its fields are: prompt, answer`,
    );
    await expect(tinySft(fresh(), { dataset: [{ text: 'a' }, { txt: 'b' }] })).rejects.toThrow(
      "dataset, row 2: has no field 'text'",
    );
  });

  test('a prompt that leaves no room', async () => {
    const dataset = [CAPITALS[0], { prompt: 'x'.repeat(64), completion: 'y' }];
    await expect(tinySft(fresh(), { dataset })).rejects.toThrow(
      'dataset, row 2: has nothing to learn in its first 64 tokens: its prompt has 64 tokens. Shorten it',
    );
  });

  test.each<[string, Partial<TrainSftOptions>, string]>([
    ['epochs and steps', { epochs: 1, maxSteps: 1 }, 'give epochs or maxSteps, not both'],
    ['two ways to evaluate', { testSize: 0.5, evalDataset: CAPITALS }, 'give evalDataset or testSize, not both'],
    ['no rows', { dataset: [] }, 'dataset has no rows'],
    ['no batch', { batchSize: 0 }, 'batchSize is 0, but must be a whole number of 1 or more'],
    ['a longer context than there is', { maxLength: 65 }, 'maxLength is 65, but the model reads at most 64 tokens'],
    ['a rate below 0', { learningRate: -1 }, 'learningRate is -1'],
    ['nothing to train', { model: tinyGpt().freeze() }, 'no parameters to train'],
  ])('%s', async (_name, options, message) => {
    await expect(tinySft(fresh(), options)).rejects.toThrow(message);
  });

  test('a tokenizer of another model', async () => {
    const model = tinyGpt();
    const tokenizer = byteTokenizer();
    tokenizer.addSpecialTokens({ sepToken: '<sep>' });
    await expect(trainSft({ model, tokenizer, dataset: CAPITALS, runDirectory: null })).rejects.toThrow(
      'the tokenizer has 259 tokens, but the model only 258',
    );
  });
});
