import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkEnv,
  EnvError,
  InvalidAction,
  type MaybePromise,
  make,
  register,
  ResetNeeded,
  SyncVectorEnv,
} from '../../../src/env/index.ts';
import { RewardError, TextEnv, type TextPrompt, type TextTokenizer } from '../../../src/env/text/index.ts';
import { ARTICLES, SummarizationEnv } from './summarization-env.ts';
import { byteTokenizer, pieceTokenizer } from './tokenizers.ts';

/** Begins with token 1, and is worth what `rate` says. */
class PieceEnv extends TextEnv<null> {
  rate: (completion: string) => MaybePromise<number> = (completion) => completion.length;

  constructor(
    tokenizer: TextTokenizer,
    options: { readonly stopStrings?: readonly string[]; readonly maxGeneration?: number } = {},
  ) {
    super({ tokenizer, ...options });
  }

  protected prompt(): TextPrompt<null> {
    return { prompt: [1], context: null };
  }

  protected reward(completion: string): MaybePromise<number> {
    return this.rate(completion);
  }
}

/** Asks for a number twice; answers to the first. */
class TwoTurns extends TextEnv<null> {
  readonly turns: string[] = [];

  constructor(maxGeneration = 100) {
    super({ tokenizer: byteTokenizer, maxGeneration });
  }

  protected prompt(): TextPrompt<null> {
    return { prompt: 'A number?', context: null };
  }

  protected override respond(turn: string): string | null {
    this.turns.push(turn);
    return this.turns.length === 1 ? ' And now?' : null;
  }

  protected reward(completion: string): number {
    return completion.length;
  }
}

const eos = byteTokenizer.eosTokenId!;
const tokens = (text: string): number[] => byteTokenizer.encode(text, { addSpecialTokens: false });

async function write(env: TextEnv, ids: readonly number[]) {
  for (const id of ids.slice(0, -1)) {
    const [, reward, terminated, truncated] = await env.step(id);
    expect([reward, terminated, truncated]).toEqual([0, false, false]);
  }
  return env.step(ids.at(-1)!);
}

describe('a token environment of a few lines', () => {
  it('keeps the contract', async () => {
    register({ id: 'test/Summarization-v0', entryPoint: () => new SummarizationEnv({ tokenizer: byteTokenizer }) });
    await checkEnv(make('test/Summarization-v0').unwrapped);
  });

  it('rewards the finished text and tells about it', async () => {
    const env = new SummarizationEnv({ tokenizer: byteTokenizer });
    const [, info] = await env.reset({ options: { index: 0 } });
    expect(info).toEqual({
      prompt: 'Article: A new kind of fish was found in the deep sea.\n\nSummary:',
      article: ARTICLES[0]!.text,
    });
    const [, reward, terminated, truncated, end] = await write(env, [...tokens(' New fish found'), eos]);
    // 3 words: 1 - 3 / 20; two of the key terms.
    expect(reward).toBeCloseTo(0.85 + 0.4);
    expect([terminated, truncated]).toEqual([true, false]);
    expect(end).toMatchObject({ completion: ' New fish found', finishReason: 'eos' });
    expect(end['generatedTokens']).toBe(tokens(' New fish found').length + 1);
  });

  it('draws its articles from the seeded stream', async () => {
    const env = new SummarizationEnv({ tokenizer: byteTokenizer });
    const draw = async (): Promise<unknown[]> => {
      const [, first] = await env.reset({ seed: 3 });
      const drawn = [first['article']];
      for (let i = 0; i < 20; i++) drawn.push((await env.reset())[1]['article']);
      return drawn;
    };
    const drawn = await draw();
    expect(await draw()).toEqual(drawn);
    expect(new Set(drawn).size).toBe(2);
  });

  it('refuses examples that there are not', async () => {
    const env = new SummarizationEnv({ tokenizer: byteTokenizer });
    for (const index of [2, -1, 0.5, '0', Number.NaN]) {
      await expect(async () => env.reset({ options: { index } })).rejects.toThrow(/examples are 0 to 1/);
    }
  });
});

describe('observations', () => {
  it('are the one before and the action, each an array of its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 700 }), async (actions) => {
        const env = new PieceEnv(pieceTokenizer(['', 'a', 'b', 'c', 'd', 'e']), { maxGeneration: 10_000 });
        let [before] = await env.reset();
        const kept = Array.from(before);
        for (const action of actions) {
          const [observation, , terminated] = await env.step(action);
          kept.push(action);
          expect(observation.length).toBe(before.length + 1);
          expect(Array.from(observation)).toEqual(kept);
          before.fill(-1);
          before = observation;
          if (terminated) break;
        }
      }),
      { numRuns: 30 },
    );
  });

  it('belong to Sequence(Discrete(vocabSize))', async () => {
    const env = new PieceEnv(pieceTokenizer(['', 'a', 'b']));
    const [observation] = await env.reset();
    expect(env.observationSpace.contains(observation)).toBe(true);
    expect(env.observationSpace.contains(Int32Array.of(0, 3))).toBe(false);
    expect(env.observationSpace.sample()).toBeInstanceOf(Int32Array);
    expect(env.actionSpace.n).toBe(3);
  });
});

describe('an episode ends', () => {
  it('terminated at an end token, which is not part of the text', async () => {
    const env = new PieceEnv(pieceTokenizer(['END', 'a', 'b']));
    await env.reset();
    const [observation, reward, terminated, truncated, info] = await write(env, [2, 1, 0]);
    expect(Array.from(observation)).toEqual([1, 2, 1, 0]);
    expect([reward, terminated, truncated]).toEqual([2, true, false]);
    expect(info).toEqual({ prompt: 'a', completion: 'ba', finishReason: 'eos', generatedTokens: 3 });
  });

  it('truncated, and rewarded, when it may write no more', async () => {
    const env = new PieceEnv(pieceTokenizer(['END', 'a', 'b']), { maxGeneration: 3 });
    await env.reset();
    const [, reward, terminated, truncated, info] = await write(env, [2, 1, 2]);
    expect([reward, terminated, truncated, info['finishReason']]).toEqual([3, false, true, 'length']);
    await env.reset();
    // Finished with the last token that it may write.
    const [, , finished, cut] = await write(env, [2, 1, 0]);
    expect([finished, cut]).toEqual([true, false]);
  });

  it('terminated when isFinished says so', async () => {
    class UntilTwo extends PieceEnv {
      protected override isFinished({ completionIds }: { readonly completionIds: Int32Array }): boolean {
        return completionIds.length === 2;
      }
    }
    const env = new UntilTwo(pieceTokenizer(['', 'a']));
    await env.reset();
    const [, , terminated, , info] = await write(env, [1, 1]);
    expect([terminated, info['finishReason']]).toEqual([true, 'finished']);
  });

  it('at the token that completes a stop string, however it is cut', async () => {
    // The tail is decoded only for tokens that may end it; decoding everything each time must tell the same.
    const pieces = ['', '<', '/', 'end', '>', '</', '/e', 'nd>', '</end>', '>x', 'x</end>y', 'en', 'd', '<</en', 'é'];
    const stopStrings = ['</end>', '!>'];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: pieces.length - 1 }), { maxLength: 60 }), async (ids) => {
        const env = new PieceEnv(pieceTokenizer(pieces), { stopStrings });
        await env.reset();
        let text = '';
        for (const id of ids) {
          text += pieces[id]!;
          const [, , terminated] = await env.step(id);
          expect(terminated).toBe(stopStrings.some((stop) => text.includes(stop)));
          if (terminated) break;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('at a stop string that a token of its own cannot show', async () => {
    // Byte tokens of é are no characters when decoded alone.
    const env = new PieceEnv(byteTokenizer, { stopStrings: ['né'] });
    await env.reset();
    const [, , terminated, , info] = await write(env, tokens('a né'));
    expect([terminated, info['completion']]).toEqual([true, 'a né']);
    expect(tokens('é').length).toBe(2);
  });

  it('once: further steps are refused until the next reset', async () => {
    const env = new PieceEnv(pieceTokenizer(['', 'a']));
    await env.reset();
    await env.step(0);
    expect(() => env.step(1)).toThrow(ResetNeeded);
    await env.reset();
    await env.step(1);
  });
});

describe('turns', () => {
  it('go on after what the environment says, which is marked', async () => {
    const env = new TwoTurns();
    const [prompt] = await env.reset();
    const [first, , , , info] = await write(env, [...tokens('five'), eos]);
    const said = tokens(' And now?');
    expect(Array.from(first)).toEqual([...prompt, ...tokens('five'), eos, ...said]);
    const mask = [...tokens('five'), eos].map(() => 0).concat(said.map(() => 1));
    expect(info).toEqual({ insertedTokens: mask });
    const [, reward, terminated, , end] = await write(env, [...tokens('six'), eos]);
    expect(terminated).toBe(true);
    expect(env.turns).toEqual(['five', 'six']);
    expect(end['completion']).toBe('five<eos> And now?six');
    expect(reward).toBe('five<eos> And now?six'.length);
    expect(end['insertedTokens']).toEqual([...mask, ...tokens('six').map(() => 0), 0]);
    expect(end['generatedTokens']).toBe(tokens('fivesix').length + 2);
  });

  it('are cut off when there is no room for another', async () => {
    const env = new TwoTurns(tokens('five').length + 1);
    await env.reset();
    const [, , terminated, truncated, info] = await write(env, [...tokens('five'), eos]);
    expect([terminated, truncated, info['finishReason']]).toEqual([false, true, 'length']);
    expect(info).not.toHaveProperty('insertedTokens');
  });
});

describe('reset', () => {
  it('begins where initialState says', async () => {
    const env = new SummarizationEnv({ tokenizer: byteTokenizer });
    const [asText, info] = await env.reset({ options: { initialState: 'Hello' } });
    expect(Array.from(asText)).toEqual(byteTokenizer.encode('Hello'));
    expect(info['prompt']).toBe('Hello');
    for (const initialState of [[5, 6, 7], Int32Array.of(5, 6, 7)]) {
      const [asIds, { prompt }] = await env.reset({ options: { initialState } });
      expect(Array.from(asIds)).toEqual([5, 6, 7]);
      expect(prompt).toBe(byteTokenizer.decode([5, 6, 7]));
    }
  });

  it('refuses a state that it cannot begin with', async () => {
    const env = new SummarizationEnv({ tokenizer: byteTokenizer });
    const begin = (initialState: unknown) => async () => env.reset({ options: { initialState } });
    await expect(begin([5, byteTokenizer.vocabSize])).rejects.toThrow(
      /token 1 of the prompt is (\d+), but ids are 0 to/,
    );
    await expect(begin([])).rejects.toThrow(EnvError);
    await expect(begin(5)).rejects.toThrow(/initialState must be text or an array of token ids/);
  });
});

describe('what is wrong', () => {
  it('is said: actions, order, options', async () => {
    const env = new PieceEnv(pieceTokenizer(['', 'a']));
    expect(() => env.step(1)).toThrow(ResetNeeded);
    await env.reset();
    for (const action of [2, -1, 0.5, Number.NaN]) expect(() => env.step(action)).toThrow(InvalidAction);
    expect(() => new PieceEnv(pieceTokenizer(['', 'a']), { maxGeneration: 0 })).toThrow(/maxGeneration is 0/);
    expect(() => new PieceEnv(pieceTokenizer(['', 'a']), { stopStrings: [''] })).toThrow(/stop string is empty/);
  });

  it('is a reward that is no finite number', async () => {
    const env = new PieceEnv(pieceTokenizer(['', 'a']));
    env.rate = () => Number.NaN;
    await env.reset();
    await env.step(1);
    expect(() => env.step(0)).toThrow(RewardError);
    env.rate = async () => Number.POSITIVE_INFINITY;
    await env.reset();
    await expect(env.step(0)).rejects.toThrow(/PieceEnv.reward: it gave Infinity/);
  });
});

it('answers at once unless a hook does not', async () => {
  const env = new PieceEnv(pieceTokenizer(['', 'a']));
  expect(env.reset()).toBeInstanceOf(Array);
  expect(env.step(1)).toBeInstanceOf(Array);
  env.rate = async () => 7;
  expect(env.step(1)).toBeInstanceOf(Array);
  const last = env.step(0);
  expect(last).toBeInstanceOf(Promise);
  expect((await last)[1]).toBe(7);
});

describe('in a vector', () => {
  const makeOne = () => new PieceEnv(pieceTokenizer(['', 'a', 'b']), { maxGeneration: 4 });
  const vector = (autoresetMode: 'next-step' | 'same-step' | 'disabled') =>
    new SyncVectorEnv([makeOne, makeOne], { autoresetMode });
  const lists = (observations: unknown): number[][] => (observations as Int32Array[]).map((ids) => Array.from(ids));

  it('resets on the next step', async () => {
    const env = vector('next-step');
    expect(lists((await env.reset())[0])).toEqual([[1], [1]]);
    const [first, rewards, terminated, , infos] = await env.step(Int32Array.of(0, 2));
    expect(lists(first)).toEqual([
      [1, 0],
      [1, 2],
    ]);
    expect([Array.from(rewards), Array.from(terminated)]).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(infos['completion']).toEqual(['', null]);
    const [second] = await env.step(Int32Array.of(2, 2));
    expect(lists(second)).toEqual([[1], [1, 2, 2]]);
  });

  it('resets on the same step, and keeps the final observation', async () => {
    const env = vector('same-step');
    await env.reset();
    const [observations, , , , infos] = await env.step(Int32Array.of(0, 2));
    expect(lists(observations)).toEqual([[1], [1, 2]]);
    expect(Array.from((infos['finalObservation'] as Int32Array[])[0]!)).toEqual([1, 0]);
  });

  it('resets those that are marked, if it does not by itself', async () => {
    const env = vector('disabled');
    await env.reset();
    await env.step(Int32Array.of(0, 2));
    const [observations] = await env.reset({ options: { resetMask: Uint8Array.of(1, 0) } });
    expect(lists(observations)).toEqual([[1], [1, 2]]);
  });

  it('ends episodes of different lengths on one step', async () => {
    const env = vector('same-step');
    await env.reset();
    await env.step(Int32Array.of(0, 2));
    const [, rewards, terminated, , infos] = await env.step(Int32Array.of(0, 0));
    expect(Array.from(terminated)).toEqual([1, 1]);
    expect(Array.from(rewards)).toEqual([0, 1]);
    expect((infos['finalInfo'] as Record<string, unknown>)['completion']).toEqual(['', 'b']);
  });
});

it('is drawn as text', async () => {
  class Drawn extends SummarizationEnv {
    override readonly renderMode = 'ansi';
  }
  const env = new Drawn({ tokenizer: byteTokenizer });
  await env.reset({ options: { initialState: 'Sum up:' } });
  await env.step(tokens('x')[0]!);
  expect(env.render()).toBe('Prompt: Sum up:\nCompletion: x\n');
  await env.step(eos);
  expect(env.render()).toBe('Prompt: Sum up:\nCompletion: x\nReward: 0\n');
});
