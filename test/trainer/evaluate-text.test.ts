import { describe, expect, test } from 'vitest';
import { CoTEnv, gradeAnswer } from '../../src/env/text/index.ts';
import { generate } from '../../src/lm/index.ts';
import { TokenPolicy } from '../../src/rl/index.ts';
import { evaluateText } from '../../src/trainer/index.ts';
import { envOptions, tinyActor, tokenizer } from './tiny-text.ts';

const env = (): CoTEnv => new CoTEnv({ ...envOptions, promptFormat: 'plain', split: 'test', testSplit: 0.4 });
const actor = tinyActor(3);
const policy = new TokenPolicy({ actor });
const { problems } = env();

describe('evaluateText', () => {
  test('asks each problem once, in order, and writes what generate does', async () => {
    const { texts, accuracy, meanReturn, meanLength } = await evaluateText(policy, env, {
      episodes: 20,
      inOrder: true,
    });
    expect(problems).toHaveLength(20);
    expect(texts.map(({ episode }) => episode)).toEqual(problems.map((_, i) => i));
    expect(texts.map(({ prompt }) => prompt)).toEqual(problems.map(({ question }) => question));

    const prompts = problems.map(({ question }) => tokenizer.encode(question));
    const written = await generate(actor.model, prompts, {
      temperature: 0,
      maxNewTokens: envOptions.maxGeneration,
      stopTokenIds: [tokenizer.eosTokenId!, tokenizer.tokenToId('</final_answer>')!],
    });
    texts.forEach(({ completion, length, correct }, i) => {
      const { tokens } = written[i]!;
      expect(length).toBe(tokens.length);
      expect(completion).toBe(tokenizer.decode(tokens.filter((id) => id !== tokenizer.eosTokenId)));
      expect(correct).toBe(gradeAnswer(completion, problems[i]!.answer).correct);
    });
    expect(accuracy).toBe(texts.filter(({ correct }) => correct).length / 20);
    expect(meanReturn).toBeCloseTo(texts.reduce((sum, text) => sum + text.return, 0) / 20, 12);
    expect(meanLength).toBeCloseTo(texts.reduce((sum, { length }) => sum + length, 0) / 20, 12);
  });

  test('does not depend on how many are answered side by side', async () => {
    const completions = async (numEnvs: number): Promise<string[]> => {
      const { texts } = await evaluateText(policy, env, { episodes: 7, inOrder: true, numEnvs });
      return texts.map(({ completion }) => completion);
    };
    expect(await completions(3)).toEqual(await completions(1));
  });

  test('draws what the seed says', async () => {
    const drawn = async (seed: number): Promise<string[]> => {
      const { texts } = await evaluateText(policy, env, { episodes: 6, deterministic: false, seed });
      return texts.map(({ prompt, completion }) => prompt + completion);
    };
    const first = await drawn(1);
    expect(await drawn(1)).toEqual(first);
    expect(await drawn(2)).not.toEqual(first);
  });

  test('tells each text, and ends when it is asked to', async () => {
    const controller = new AbortController();
    const told: number[] = [];
    const { texts } = await evaluateText(policy, env, {
      episodes: 20,
      inOrder: true,
      numEnvs: 2,
      signal: controller.signal,
      onText: ({ episode }) => {
        told.push(episode);
        if (told.length === 3) controller.abort();
      },
    });
    // What was under way is finished.
    expect(texts).toHaveLength(4);
    expect(told.toSorted()).toEqual(texts.map(({ episode }) => episode));
  });

  test.each([{ episodes: 0 }, { numEnvs: 1.5 }])('%j is refused', async (options) => {
    await expect(evaluateText(policy, env, options)).rejects.toThrow(/must be a whole number of 1 or more/);
  });
});
