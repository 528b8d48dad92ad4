import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { setWarningHandler } from '../../../../src/env/index.ts';
import { RewardError } from '../../../../src/env/text/index.ts';
import { batchReward, type RatedText, type TextReward } from '../../../../src/env/text/rlhf/reward-source.ts';
import { fromConfig } from '../../../../src/lm/index.ts';

const textOf = (completion: string, prompt = '>'): RatedText => ({
  question: prompt,
  answer: '',
  prompt,
  completion,
  generatedTokens: completion.length,
  maxGeneration: 10,
  truncated: false,
});
const texts = ['a', 'bb', 'ccc'].map((text) => textOf(text));
const rate = async (reward: TextReward, rules = {}): Promise<number[]> => [
  ...(await batchReward(reward, rules).rate(texts)).values,
];

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  vi.unstubAllEnvs();
});

/** A server on this machine, which hears a request's body and answers it. */
async function serve(
  answer: (body: { prompts: string[]; completions: string[] }, request: IncomingMessage) => unknown,
) {
  const listener: RequestListener = (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const found = answer(JSON.parse(body) as { prompts: string[]; completions: string[] }, request);
      if (found === null) return;
      if (typeof found === 'number') response.statusCode = found;
      response.end(typeof found === 'string' ? found : JSON.stringify(found));
    });
  };
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/rewards`;
}

const lengths = ({ completions }: { completions: string[] }) => ({ rewards: completions.map((text) => text.length) });

describe('a reward is', () => {
  test('a function of one text, now or later', async () => {
    expect(await rate((completion) => completion.length)).toEqual([1, 2, 3]);
    expect(await rate(async (completion, { prompt }) => (prompt + completion).length)).toEqual([2, 3, 4]);
  });

  test('a function of many texts', async () => {
    const batch = vi.fn((completions: readonly string[]) => completions.map((text) => -text.length));
    expect(await rate({ batch })).toEqual([-1, -2, -3]);
    expect(batch).toHaveBeenCalledOnce();
  });

  test('whatever scores whole texts', async () => {
    const seen: string[] = [];
    const scorer = { score: (whole: readonly string[]) => whole.map((text) => seen.push(text)) };
    expect(await rate(scorer)).toEqual([1, 2, 3]);
    expect(seen).toEqual(['>a', '>bb', '>ccc']);
  });

  test('the name of a reward function that needs no answer', async () => {
    expect(await rate('repetitionPenalty')).toEqual([0, 0, 0].map(() => expect.closeTo(0, 12)));
  });

  test('a sum with weights', async () => {
    const reward: TextReward = [
      [(completion: string) => completion.length, 2],
      [{ batch: async () => [10, 20, 30] }, -0.1],
    ];
    expect(await rate(reward)).toEqual([1, 2, 3]);
    expect(batchReward(reward).name).toBe('2 without a name + -0.1 batch');
  });

  test('a server', async () => {
    const requests: number[] = [];
    const url = await serve((body) => {
      requests.push(body.completions.length);
      expect(body.prompts).toEqual(body.completions.map(() => '>'));
      return lengths(body);
    });
    expect(await rate(url)).toEqual([1, 2, 3]);
    expect(await rate({ url, batchSize: 2 })).toEqual([1, 2, 3]);
    expect(requests).toEqual([3, 2, 1]);
  });
});

describe('a server', () => {
  const quick = { retries: 2, retryDelayMs: 1, timeoutMs: 2000 };

  test('gets headers from the environment, and only from there', async () => {
    vi.stubEnv('TEST_REWARD_TOKEN', 'Bearer s3cret');
    const url = await serve((body, { headers }) => (headers.authorization === 'Bearer s3cret' ? lengths(body) : 401));
    expect(await rate({ url, headersFromEnv: { Authorization: 'TEST_REWARD_TOKEN' } })).toEqual([1, 2, 3]);
    await expect(rate({ url, ...quick })).rejects.toThrow(`reward ${url}: the server answered 401 Unauthorized`);
    expect(() => batchReward({ url, headersFromEnv: { Authorization: 'TEST_NOT_SET' } })).toThrow(
      'header Authorization comes from the environment variable TEST_NOT_SET, which is not set',
    );
  });

  test('gets no secret that would be written down with its address, nor one that an error would show', async () => {
    const url = await serve(lengths);
    for (const name of ['token', 'api_key', 'apikey', 'key', 'access_token', 'X-Amz-Signature', 'clientSecret']) {
      const refused = (): unknown => batchReward({ url: `${url}?model=a&${name}=s3cret` });
      expect(refused).toThrow(`url has '${name}' in it`);
      expect(refused).not.toThrow('s3cret');
    }
    expect(await rate(`${url}?model=monkey&maxTokens=3`)).toEqual([1, 2, 3]);
    expect(() => batchReward({ url: 'http://me:s3cret@host:port/' })).toThrow('url is "…@host:port/"');
    vi.stubEnv('TEST_REWARD_TOKEN', 's3\ncret');
    const broken = (): unknown => batchReward({ url, headersFromEnv: { Authorization: 'TEST_REWARD_TOKEN' } });
    expect(broken).toThrow('TEST_REWARD_TOKEN holds characters');
    expect(broken).not.toThrow('cret');
  });

  test('leads nobody elsewhere: its headers are not for others', async () => {
    vi.stubEnv('TEST_REWARD_TOKEN', 's3cret');
    const asked: string[] = [];
    const other = await serve((body, { headers }) => {
      asked.push(JSON.stringify(headers));
      return lengths(body);
    });
    const first = createServer((_, response) => response.writeHead(307, { location: other }).end());
    servers.push(first.listen(0, '127.0.0.1'));
    await once(first, 'listening');
    const url = `http://127.0.0.1:${(first.address() as AddressInfo).port}/`;
    const failing = rate({ url, ...quick, headersFromEnv: { 'x-api-key': 'TEST_REWARD_TOKEN' } });
    await expect(failing).rejects.toThrow('answered 307 Temporary Redirect: redirects are not followed');
    expect(asked).toEqual([]);
  });

  test('that fails for a while is asked again', async () => {
    let tries = 0;
    const url = await serve((body) => (++tries < 3 ? 503 : lengths(body)));
    expect(await rate({ url, ...quick })).toEqual([1, 2, 3]);
    expect(tries).toBe(3);
  });

  test('that is down is named, with the tries', async () => {
    const url = await serve(lengths);
    await new Promise((resolve) => servers.splice(0)[0]!.close(resolve));
    const failing = rate({ url, ...quick });
    await expect(failing).rejects.toThrow(`reward ${url}: the server cannot be reached (ECONNREFUSED), in 3 tries`);
    await expect(failing).rejects.toBeInstanceOf(RewardError);
  });

  test('that is slow is given up on', async () => {
    const url = await serve(() => null);
    await expect(rate({ url, timeoutMs: 20, retries: 1, retryDelayMs: 1 })).rejects.toThrow(
      'no answer within 20 ms, in 2 tries',
    );
    await expect(rate({ url, retries: 0 }, { timeoutMs: 20 })).rejects.toThrow('no answer within 20 ms, in 1 tries');
  });

  test.each([
    [{ rewards: [1, 2] }, 'it was given 3 texts and answered 2 rewards'],
    [{ scores: [1, 2, 3] }, 'answered {"scores":[1,2,3]}; expected is { "rewards": [...] }'],
    ['NaN', 'answered null'],
    ['<html>', 'the server\'s answer is no JSON: "<html>"'],
    [{ rewards: [1, null, 3] }, 'it gave null, which is no finite number; the completion was "bb"'],
    [{ rewards: [1, '2', 3] }, 'it gave 2, which is no finite number; the completion was "bb"'],
  ])('that answers %o is wrong, at once', async (answer, message) => {
    let tries = 0;
    const url = await serve(() => {
      tries++;
      return answer === 'NaN' ? 'null' : answer;
    });
    await expect(rate({ url, ...quick })).rejects.toThrow(message);
    expect(tries).toBe(1);
  });

  test.each([
    [{ url: 'ftp://x' }, 'url is "ftp://x"'],
    [{ url: 'http://me:secret@localhost/' }, 'url has a password in it'],
    [{ url: 'http://localhost/', timeoutMs: 0 }, 'timeoutMs is 0'],
    [{ url: 'http://localhost/', retries: -1 }, 'retries is -1'],
  ])('cannot be %o', (endpoint, message) => {
    expect(() => batchReward(endpoint)).toThrow(message);
  });
});

describe('a reward that fails', () => {
  test.each([
    [() => Number.NaN, 'it gave NaN, which is no finite number; the completion was "a"'],
    [
      (completion: string) => {
        if (completion === 'bb') throw new Error('no idea');
        return 1;
      },
      'it threw Error: no idea; the completion was "bb"',
    ],
    [{ batch: () => [1] }, 'it was given 3 texts and gave 1 numbers'],
    [{ batch: () => 1 as unknown as number[] }, 'it was given 3 texts and gave 1'],
    [{ score: async () => Float64Array.of(1, Number.POSITIVE_INFINITY, 2) }, 'it gave Infinity'],
    [{ name: 'judge', batch: () => Promise.reject(new Error('asleep')) }, 'reward judge: asleep'],
  ] as const)('says what went wrong (%#)', async (reward, message) => {
    await expect(rate(reward as TextReward)).rejects.toThrow(message);
    await expect(rate(reward as TextReward)).rejects.toBeInstanceOf(RewardError);
  });

  test('by being late is given up on', async () => {
    const never = () => new Promise<number[]>(() => undefined);
    await expect(rate({ batch: never }, { timeoutMs: 5 })).rejects.toThrow('it took longer than 5 ms');
    await expect(rate(() => new Promise<number>(() => undefined), { timeoutMs: 5 })).rejects.toThrow(
      'longer than 5 ms',
    );
  });

  test('can have a fallback, and warns with a count', async () => {
    const warnings: string[] = [];
    const before = setWarningHandler((message) => warnings.push(message));
    try {
      const reward = batchReward({ batch: () => [] }, { errors: { fallback: -1 } });
      for (let i = 0; i < 10; i++)
        expect(await reward.rate(texts)).toEqual({ values: Float64Array.of(-1, -1, -1), failed: true });
    } finally {
      setWarningHandler(before);
    }
    expect(warnings.map((warning) => /failure \d+, all 3 texts rewarded with -1/.exec(warning)?.[0])).toEqual([
      'failure 1, all 3 texts rewarded with -1',
      'failure 10, all 3 texts rewarded with -1',
    ]);
  });

  test.each([
    [7 as unknown as TextReward, 'reward must be a RewardModel or its folder, a function'],
    [[], 'reward is an empty list'],
    [[[() => 1, Number.NaN]] as TextReward, 'each part must be [source, weight]'],
    [{} as TextReward, 'but is {}'],
  ])('%o is none', (reward, message) => {
    expect(() => batchReward(reward)).toThrow(message);
  });

  test('a bare model is none: it has no tokenizer, and perhaps no head', () => {
    const model = fromConfig({ model_type: 'gpt2', vocab_size: 8, n_embd: 8, n_layer: 1, n_head: 1, n_positions: 8 });
    expect(() => batchReward(model as unknown as TextReward)).toThrow('reward is a bare model');
  });

  test('a folder that is not there is named when it is needed', async () => {
    await expect(rate('./no/such/folder')).rejects.toThrow(
      "reward ./no/such/folder: there is no folder './no/such/folder'",
    );
  });
});
