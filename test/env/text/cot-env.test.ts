import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { checkEnv, EnvSpec, make, makeVec, setWarningHandler } from '../../../src/env/index.ts';
import {
  additionProblems,
  arithmeticProblems,
  CoTEnv,
  type CoTEnvOptions,
  type Problem,
  ProblemsError,
  RewardError,
  splitProblems,
  writeProblems,
} from '../../../src/env/text/index.ts';
import { chatmlTemplate } from '../../../src/lm/chat.ts';
import { fromJson, toJson } from '../../../src/trainer/plain-data.ts';
import { trainByteLevelTokenizer } from '../../../src/lm/tokenizer-training.ts';
import { additionTokenizer, byteTokenizer } from './tokenizers.ts';

const folder = mkdtempSync(join(tmpdir(), 'cot-env-'));
afterAll(() => rmSync(folder, { recursive: true }));

const problems = additionProblems({ digits: 2, count: 100 });
const plain = {
  tokenizer: additionTokenizer,
  dataset: problems,
  promptFormat: 'plain',
  template: '{question}',
} as const;

/** Asks one question, and gives what the step says that ends the answer. */
async function answered(completion: string, options: Partial<CoTEnvOptions> = {}, answer: string | number = 12) {
  const env = new CoTEnv({ ...plain, tokenizer: byteTokenizer, maxGeneration: 200, ...options });
  await env.reset({ options: { question: '5+7=', answer } });
  for (const id of byteTokenizer.encode(completion)) {
    const result = await env.step(id);
    if (result[2] || result[3]) return result;
  }
  return env.step(byteTokenizer.eosTokenId!);
}

describe('CoTEnv-v0', () => {
  it('keeps the contract', async () => {
    await checkEnv(make('CoTEnv-v0', plain).unwrapped);
  });

  it('goes on from a saved state, in the middle of an episode, as if nothing had been', async () => {
    const [env, other] = [new CoTEnv({ ...plain, maxGeneration: 8 }), new CoTEnv({ ...plain, maxGeneration: 8 })];
    await env.reset({ seed: 3 });
    const ids = additionTokenizer.encode('12+345');
    for (const id of ids.slice(0, 3)) await env.step(id);
    other.loadState(fromJson(JSON.parse(JSON.stringify(toJson(env.saveState(), 'state')))) as never);
    for (const each of [...ids, ...ids].slice(3, 8)) expect(await other.step(each)).toEqual(await env.step(each));
    await expect(async () => other.step(0)).rejects.toThrow('the episode has ended (length)');
    // The next problem is drawn from the same stream.
    expect(await other.reset()).toEqual(await env.reset());
  });

  it('says what it needs', () => {
    expect(() => make('CoTEnv-v0')).toThrow(/CoTEnv needs tokenizer: a Tokenizer, or the folder of a model/);
    expect(() => make('CoTEnv-v0', { tokenizer: additionTokenizer })).toThrow(/CoTEnv needs dataset/);
  });

  it('rewards a solution with 0, the least distance, and tells about it', async () => {
    const env = make('CoTEnv-v0', { ...plain, renderMode: 'ansi' });
    const [observation, info] = await env.reset({ seed: 5 });
    const problem = problems.find(({ question }) => question === info['question'])!;
    expect(additionTokenizer.decode(observation)).toBe(problem.question);
    expect(env.unwrapped.problems[info['index'] as number]).toEqual(problem);
    const ids = additionTokenizer.encode(problem.solution);
    for (const id of ids.slice(0, -1)) expect((await env.step(id)).slice(1)).toEqual([0, false, false, {}]);
    const [, reward, terminated, truncated, end] = await env.step(ids.at(-1)!);
    expect([reward, terminated, truncated]).toEqual([0, true, false]);
    expect(Object.is(reward, 0)).toBe(true);
    expect(end).toEqual({
      prompt: problem.question,
      completion: problem.solution,
      finishReason: 'stop',
      generatedTokens: ids.length,
      question: problem.question,
      correctAnswer: problem.answer,
      correctAnswerNumber: Number(problem.answer),
      generatedAnswer: problem.answer,
      generatedAnswerNumber: Number(problem.answer),
      difference: 0,
      parseError: null,
      finalText: problem.solution,
      correct: true,
    });
    expect(env.render()).toBe(
      `Prompt: ${problem.question}\nCompletion: ${problem.solution}\nAnswer: ${problem.answer}\nReward: 0\n`,
    );
  });

  // The rewards of the Python original: -10 missing, -5 invalid, else minus the distance.
  it.each([
    ['<think>5 and 7</think><final_answer>12</final_answer>', 0, null, true],
    ['<final_answer>15</final_answer>', -3, null, false],
    ['<final_answer> -1.5 </final_answer>', -13.5, null, false],
    ['<final_answer>24/2</final_answer>', 0, null, true],
    ['it is 12', -10, 'missing', false],
    ['<final_answer></final_answer>', -10, 'missing', false],
    ['</final_answer>', -10, 'missing', false],
    ['<final_answer>twelve</final_answer>', -5, 'invalid', false],
    ['<final_answer>5 + 7</final_answer>', -5, 'invalid', false],
    ['<final_answer>1/0</final_answer>', -5, 'invalid', false],
    ['<final_answer>3<final_answer>12</final_answer>', 0, null, true],
  ])('rewards %s with %d', async (completion, reward, parseError, correct) => {
    const [, given, terminated, , info] = await answered(completion);
    expect(given).toBe(reward);
    expect(terminated).toBe(true);
    expect(info).toMatchObject({ parseError, correct, finalText: completion });
  });

  it('is truncated, and rewarded, after maxGeneration tokens', async () => {
    const [, reward, terminated, truncated, info] = await answered('and so on and on', { maxGeneration: 5 });
    expect([reward, terminated, truncated]).toEqual([-10, false, true]);
    expect(info).toMatchObject({ finishReason: 'length', generatedTokens: 5, generatedAnswer: null });
    expect(info['difference']).toBeNaN();
  });

  it('is the same for the same seed, and another for another', async () => {
    const env = new CoTEnv(plain);
    const draw = async (seed: number): Promise<unknown[]> => {
      const drawn = [(await env.reset({ seed }))[1]['index']];
      for (let i = 0; i < 20; i++) drawn.push((await env.reset())[1]['index']);
      return drawn;
    };
    const drawn = await draw(1);
    expect(await draw(1)).toEqual(drawn);
    expect(await draw(2)).not.toEqual(drawn);
  });

  it('takes a problem by its index, or one of the caller', async () => {
    const env = new CoTEnv(plain);
    for (const index of [0, 89]) {
      expect((await env.reset({ options: { index } }))[1]['question']).toBe(env.problems[index]!.question);
    }
    expect(() => env.reset({ options: { index: 90 } })).toThrow(/examples are 0 to 89/);
    expect((await env.reset({ options: { question: '1+1=', answer: 2 } }))[1]).toMatchObject({
      question: '1+1=',
      index: -1,
    });
    expect(() => env.reset({ options: { question: '1+1=' } })).toThrow(/question and answer go together/);
    expect(() => env.reset({ options: { initialState: '1+1=' } })).toThrow(/give index, or question and answer/);
    const [ids, info] = await env.reset({ options: { initialState: '1+1=<think>', index: 3 } });
    expect(additionTokenizer.decode(ids)).toBe('1+1=<think>');
    expect(info['index']).toBe(3);
  });

  it.each(['next-step', 'same-step', 'disabled'] as const)('runs side by side, mode %s', async (autoresetMode) => {
    const env = makeVec('CoTEnv-v0', { ...plain, numEnvs: 3, maxGeneration: 9, vectorKwargs: { autoresetMode } });
    let [observations] = (await env.reset({ seed: 1 })) as unknown as [Int32Array[]];
    env.actionSpace.seed(1);
    let ended = 0;
    for (let t = 0; t < 60; t++) {
      const before = observations.map((ids) => Array.from(ids));
      const [next, rewards, terminated, truncated, infos] = await env.step(env.actionSpace.sample() as Int32Array);
      observations = next as unknown as Int32Array[];
      const done = Array.from(terminated, (value, i) => value + truncated[i]!);
      for (const [i, ids] of observations.entries()) {
        expect(env.singleObservationSpace.contains(ids)).toBe(true);
        if (done[i] === 0 && rewards[i] === 0 && ids.length > before[i]!.length) {
          expect(Array.from(ids.slice(0, -1))).toEqual(before[i]);
        }
      }
      ended += done.filter((value) => value > 0).length;
      if (autoresetMode === 'disabled' && done.some((value) => value > 0)) {
        const resetMask = Uint8Array.from(done);
        [observations] = (await env.reset({ options: { resetMask } })) as unknown as [Int32Array[]];
      }
      if (autoresetMode === 'same-step' && done.some((value) => value > 0)) {
        expect(infos).toHaveProperty('finalInfo.finalText');
      }
    }
    expect(ended).toBeGreaterThan(10);
  });
});

describe('prompts', () => {
  const chatTokenizer = trainByteLevelTokenizer('', {
    specialTokens: { eosToken: '<|im_end|>', additional: ['<|im_start|>'] },
  });
  chatTokenizer.chatTemplate = chatmlTemplate;
  const options = {
    tokenizer: chatTokenizer,
    dataset: [{ question: 'What is 2 + 3?', answer: 5 }],
    testSplit: 0,
  } as const;

  it('are chats with a system message and worked examples', async () => {
    const [ids, { prompt }] = await new CoTEnv(options).reset();
    expect(chatTokenizer.decode(ids)).toBe(prompt);
    const turns = (prompt as string).split('<|im_start|>').slice(1);
    expect(turns.map((turn) => turn.split('\n')[0])).toEqual([
      'system',
      'user',
      'assistant',
      'user',
      'assistant',
      'user',
      'assistant',
    ]);
    expect(turns[0]).toContain('order of operations');
    expect(turns[2]).toContain('<final_answer>17</final_answer>');
    expect(turns[5]).toBe('user\nWhat is 2 + 3?<|im_end|>\n');
    expect(turns[6]).toBe('assistant\n');
  });

  it('are what one wants of them', async () => {
    const own = { ...options, systemMessage: '', fewShot: [] } as const;
    expect((await new CoTEnv(own).reset())[1]['prompt']).toBe(
      '<|im_start|>user\nWhat is 2 + 3?<|im_end|>\n<|im_start|>assistant\n',
    );
    const template = {
      ...own,
      promptFormat: 'plain',
      template: '{system}Q: {question} A:',
      systemMessage: 'Add. ',
    } as const;
    expect((await new CoTEnv(template).reset())[1]['prompt']).toBe('Add. Q: What is 2 + 3? A:');
    const shown = { ...template, template: '{examples}{question}', fewShot: [{ question: 'What is 1?', answer: '1' }] };
    expect((await new CoTEnv(shown).reset())[1]['prompt']).toBe(
      'Question: What is 1?\n<think>\n</think>\n<final_answer>1</final_answer>\n\nWhat is 2 + 3?',
    );
  });

  it('leave braces of a question alone', async () => {
    const env = new CoTEnv({ ...options, promptFormat: 'plain', template: '{question}|{system}', systemMessage: 'S' });
    const [, info] = await env.reset({ options: { question: 'a {system} $& b', answer: '1' } });
    expect(info['prompt']).toBe('a {system} $& b|S');
  });

  it('cannot chat without a template, or ask without a place for the question', () => {
    expect(() => new CoTEnv({ ...plain, promptFormat: 'chat' })).toThrow(/no chat template.*use promptFormat 'plain'/);
    expect(() => new CoTEnv({ ...plain, template: 'Go on' })).toThrow(/has no \{question\}/);
  });
});

describe('worked examples', () => {
  it('are the very prompts and the solutions', async () => {
    const env = new CoTEnv({ ...plain, split: 'train' });
    const examples = env.workedExamples(3);
    expect(env.workedExamples()).toHaveLength(env.problems.length);
    for (const [index, example] of examples.entries()) {
      const [, { prompt }] = await env.reset({ options: { index } });
      expect(example).toEqual({ prompt, completion: env.problems[index]!.solution });
    }
  });

  it('are conversations where the environment chats', async () => {
    const tokenizer = trainByteLevelTokenizer('', { specialTokens: { eosToken: '<|im_end|>' } });
    tokenizer.chatTemplate = chatmlTemplate;
    const env = new CoTEnv({ tokenizer, dataset: problems, systemMessage: 'Add.', fewShot: [] });
    const [example] = env.workedExamples(1);
    const { question, solution } = env.problems[0]!;
    const messages = [
      { role: 'system', content: 'Add.' },
      { role: 'user', content: question },
      { role: 'assistant', content: solution },
    ];
    expect(example).toEqual({ messages });
    const [, { prompt }] = await env.reset({ options: { index: 0 } });
    const turns = messages.slice(0, 2) as { role: 'system' | 'user'; content: string }[];
    expect(tokenizer.applyChatTemplate(turns, { addGenerationPrompt: true, tokenize: false })).toBe(prompt);
  });

  it('need solutions', () => {
    const env = new CoTEnv({ ...plain, dataset: [{ question: '1+1=', answer: 2 }], testSplit: 0 });
    expect(() => env.workedExamples()).toThrow('the problem "1+1=" has no solution, which learning by example needs');
  });
});

describe('the tokenizer of a folder', () => {
  it('is read once for all environments, and the specification can be kept as JSON', async () => {
    const model = join(folder, 'model');
    await additionTokenizer.save(model);
    const dataset = join(folder, 'problems.json');
    await writeProblems(dataset, problems);
    const env = make('CoTEnv-v0', { ...plain, tokenizer: model, dataset });
    const same = make(EnvSpec.fromJson(env.spec!.toJson())) as typeof env;
    expect(same.unwrapped.tokenizer).toBe(env.unwrapped.tokenizer);
    expect(await same.reset({ seed: 1 })).toEqual(await new CoTEnv(plain).reset({ seed: 1 }));
  });

  it('must be there', () => {
    expect(() => new CoTEnv({ ...plain, tokenizer: join(folder, 'nowhere') })).toThrow(
      /tokenizer.json: there is no such file/,
    );
  });
});

describe('the dataset', () => {
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it.each([
    [
      '[{"question": "1+1=", "answer": "2"}, {"question": "", "answer": "2"}]',
      /bad.json, row 1: question must be text, but is ""/,
    ],
    ['[{"question": "1+1="}]', /bad.json, row 0: answer must be text or a number, but is missing/],
    ['[{"question": "1+1=", "answer": "2"}, 7]', /bad.json, row 1: expected \{ question, answer \}, but found 7/],
    ['[{"question": "1+1=", "answer": "two"}]', /bad.json, row 0: the answer "two" is no number.*exactMatch/],
    ['[{"question": "1+1=", "answer": "2", "solution": 1}]', /row 0: solution must be text/],
    ['{"question": "1+1="}', /expected a list/],
    ['[]', /no problems/],
    ['[{', /bad.json: the dataset is no JSON/],
  ])('names what is wrong with %s', (text, message) => {
    const dataset = write('bad.json', text);
    expect(() => new CoTEnv({ ...plain, dataset })).toThrow(message);
    expect(() => new CoTEnv({ ...plain, dataset })).toThrow(ProblemsError);
  });

  it('may have answers that are no numbers, for rewards that need none', async () => {
    const dataset = [{ question: '5+7=', answer: 'a dozen' }];
    const [, reward, , , info] = await answered(
      '<final_answer>A  dozen</final_answer>',
      { dataset, reward: 'exactMatch', testSplit: 0 },
      'a dozen',
    );
    expect([reward, info['correct'], info['parseError']]).toEqual([1, true, null]);
  });

  it('is read again when the file changes', () => {
    const dataset = write('changing.json', '[{"question": "1+1=", "answer": 2}]');
    expect(new CoTEnv({ ...plain, dataset, testSplit: 0 }).problems.length).toBe(1);
    write('changing.json', '[{"question": "1+1=", "answer": 2}, {"question": "1+2=", "answer": 3}]');
    expect(new CoTEnv({ ...plain, dataset, testSplit: 0 }).problems.length).toBe(2);
  });

  it('is missing', () => {
    expect(() => new CoTEnv({ ...plain, dataset: join(folder, 'none.json') })).toThrow(
      /none.json: the dataset cannot be read/,
    );
  });

  it('falls apart into train and test by seed', () => {
    const rows: Problem[] = Array.from({ length: 200 }, (_, i) => ({ question: `q${i}`, answer: `${i}` }));
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 200 }),
        fc.double({ min: 0, max: 0.7, noNaN: true }),
        fc.nat(),
        (count, testSplit, seed) => {
          const all = rows.slice(0, count);
          const part = (split: 'train' | 'test') => splitProblems(all, { split, testSplit, seed });
          const train = part('train');
          const kept = testSplit === 0 ? 0 : Math.max(1, Math.round(count * testSplit));
          expect(train.length).toBe(count - kept);
          if (kept === 0) return;
          const test = part('test');
          expect(new Set([...train, ...test]).size).toBe(count);
          expect(part('test')).toEqual(test);
        },
      ),
    );
    const split = (seed: number) => splitProblems(rows, { split: 'test', testSplit: 0.1, seed });
    expect(split(1)).not.toEqual(split(2));
    expect(() => splitProblems(rows, { split: 'test', testSplit: 0, seed: 1 })).toThrow(/leaves none for split 'test'/);
    expect(() => splitProblems(rows, { split: 'train', testSplit: 1, seed: 1 })).toThrow(
      /leaves none for split 'train'/,
    );
    expect(() => splitProblems(rows, { split: 'dev' as 'test', testSplit: 0.1, seed: 1 })).toThrow(/'train' or 'test'/);
  });

  it('asks the test split nothing of the train split', () => {
    const [train, test] = (['train', 'test'] as const).map((split) => new CoTEnv({ ...plain, split }).problems);
    expect([train!.length, test!.length]).toEqual([90, 10]);
    expect(test!.filter((problem) => train!.includes(problem))).toEqual([]);
  });
});

describe('the reward', () => {
  const right = '<think>7 and 5</think><final_answer>12</final_answer>';

  it('has a name, is a function, or is a weighted list', async () => {
    expect((await answered(right, { reward: 'format' }))[1]).toBe(1);
    expect((await answered(right, { reward: (completion, { answer }) => completion.length + Number(answer) }))[1]).toBe(
      right.length + 12,
    );
    expect(
      (
        await answered('<final_answer>14</final_answer>', {
          reward: [
            ['distance', 2],
            ['exactMatch', 5],
            [() => 0.25, 1],
          ],
        })
      )[1],
    ).toBe(-3.75);
  });

  it('of an unknown name is refused with the nearest known one', () => {
    expect(() => new CoTEnv({ ...plain, reward: 'exactmatch' as 'exactMatch' })).toThrow(/Did you mean exactMatch\?/);
    expect(() => new CoTEnv({ ...plain, reward: 'zzz' as 'exactMatch' })).toThrow(/there are distance, exactMatch/);
  });

  it('may come later, but not too late', async () => {
    const late = async (): Promise<number> => new Promise((resolve) => setTimeout(resolve, 20, 3));
    expect((await answered(right, { reward: late }))[1]).toBe(3);
    const never = (): Promise<number> => new Promise(() => {});
    await expect(answered(right, { reward: never, rewardTimeoutMs: 10 })).rejects.toThrow(
      /reward never: it took longer than 10 ms.*final_answer/,
    );
  });

  it('that fails throws, or is replaced with a warning that counts', async () => {
    const broken = (): number => {
      throw new Error('no such luck');
    };
    await expect(answered(right, { reward: broken })).rejects.toThrow(RewardError);
    await expect(answered(right, { reward: broken })).rejects.toThrow(
      /reward broken: it threw Error: no such luck; the completion was "<think>/,
    );
    const warnings: string[] = [];
    const before = setWarningHandler((message) => warnings.push(message));
    try {
      const env = new CoTEnv({ ...plain, reward: broken, rewardErrors: { fallback: -7 } });
      for (let i = 0; i < 12; i++) {
        await env.reset();
        expect((await env.step(additionTokenizer.eosTokenId!))[1]).toBe(-7);
      }
    } finally {
      setWarningHandler(before);
    }
    expect(warnings.map((message) => /failure (\d+), rewarded with -7/.exec(message)?.[1])).toEqual(['1', '10']);
  });
});

it('asks what the generator makes', async () => {
  const dataset = arithmeticProblems({ count: 30, seed: 2 });
  const env = new CoTEnv({ tokenizer: byteTokenizer, dataset, promptFormat: 'plain', maxGeneration: 400 });
  for (let index = 0; index < env.problems.length; index++) {
    await env.reset({ options: { index } });
    let last: unknown[] = [];
    for (const id of byteTokenizer.encode(env.problems[index]!.solution!)) last = await env.step(id);
    expect(last.slice(1, 4)).toEqual([0, true, false]);
    expect(last[4]).toMatchObject({ correct: true });
  }
});
