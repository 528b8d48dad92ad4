// Rewards from a server: texts are posted as JSON, numbers come back.

import { EnvError } from '../../errors.ts';
import type { RatedText } from './reward-source.ts';

/**
 * A server that rates texts. It gets `POST { "prompts": [...], "completions": [...] }` and answers `{ "rewards": [...] }`, one number
 * a completion.
 */
export interface RewardEndpoint {
  /** Its address, `http://` or `https://`. */
  readonly url: string;
  /** Milliseconds that one try may take. Default 30 000. */
  readonly timeoutMs?: number | undefined;
  /** Tries after the first that fails, unless the server says that the request is wrong. Default 3. */
  readonly retries?: number | undefined;
  /** Milliseconds before the first further try; each pause is twice the one before. Default 250. */
  readonly retryDelayMs?: number | undefined;
  /** Texts in one request. Default 64. */
  readonly batchSize?: number | undefined;
  /** Headers whose values are in the environment: `{ Authorization: 'REWARD_TOKEN' }`. Secrets stand nowhere else. */
  readonly headersFromEnv?: Readonly<Record<string, string>> | undefined;
}

/** An endpoint with everything decided. */
export interface EndpointSettings {
  readonly url: string;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly batchSize: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Names of parameters whose values are secrets. */
const SECRET = /(token|secret|password|credentials?|signature|(api|access)[_-]?key)$|^(sig|auth|key|pass|pwd)$/i;

/** @throws EnvError for an address or a number that cannot be, and for a variable that is not set */
export function endpointSettings(endpoint: RewardEndpoint): EndpointSettings {
  const { url, timeoutMs = 30_000, retries = 3, retryDelayMs = 250, batchSize = 64, headersFromEnv = {} } = endpoint;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    // What stands before an @ may be a password that has a slip.
    const shown = JSON.stringify(url).replace(/[^"]*@/, '…@');
    throw new EnvError(`reward: url is ${shown}, but must be an address such as http://localhost:8000/rewards`);
  }
  const { username, password, searchParams } = new URL(url);
  if (username !== '' || password !== '') {
    throw new EnvError('reward: url has a password in it; pass it as a header, by headersFromEnv');
  }
  const secret = [...searchParams.keys()].find((name) => SECRET.test(name));
  if (secret !== undefined) {
    throw new EnvError(
      `reward: url has '${secret}' in it, which would be written down with the run; pass it as a header, by headersFromEnv`,
    );
  }
  const positive = { timeoutMs, batchSize };
  for (const [name, value] of Object.entries(positive)) {
    if (!(value > 0)) throw new EnvError(`reward: ${name} is ${value}, but must be above 0`);
  }
  for (const [name, value] of Object.entries({ retries, retryDelayMs })) {
    if (!(value >= 0)) throw new EnvError(`reward: ${name} is ${value}, but must be 0 or more`);
  }
  const headers = Object.fromEntries(
    Object.entries(headersFromEnv).map(([header, variable]) => {
      const value = process.env[variable];
      if (value === undefined || value === '') {
        throw new EnvError(
          `reward: header ${header} comes from the environment variable ${variable}, which is not set`,
        );
      }
      // An error of fetch would show the value.
      if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value.trim())) {
        throw new EnvError(
          `reward: the environment variable ${variable} holds characters that header ${header} cannot have, such as a line break`,
        );
      }
      return [header, value.trim()];
    }),
  );
  return { url, timeoutMs, retries, retryDelayMs, batchSize, headers };
}

/** The rewards of texts, in their order. @throws Error saying what went wrong, and after how many tries */
export async function askEndpoint(settings: EndpointSettings, texts: readonly RatedText[]): Promise<readonly number[]> {
  const rewards: number[] = [];
  for (let first = 0; first < texts.length; first += settings.batchSize) {
    rewards.push(...(await askPatiently(settings, texts.slice(first, first + settings.batchSize))));
  }
  return rewards;
}

async function askPatiently(settings: EndpointSettings, texts: readonly RatedText[]): Promise<readonly number[]> {
  const { retries, retryDelayMs } = settings;
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask(settings, texts);
    } catch (error) {
      const problem = (error as Error).message;
      if (!(error instanceof Passing)) throw error;
      if (attempt >= retries) throw new Error(`${problem}, in ${attempt + 1} tries`, { cause: error.cause });
      await new Promise((resolve) => setTimeout(resolve, retryDelayMs * 2 ** attempt));
    }
  }
}

/** A failure that may be over at the next try. */
class Passing extends Error {}

async function ask(settings: EndpointSettings, texts: readonly RatedText[]): Promise<readonly number[]> {
  const { url, timeoutMs, headers } = settings;
  const body = { prompts: texts.map(({ prompt }) => prompt), completions: texts.map(({ completion }) => completion) };
  let answer: unknown;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      // Headers of ours would go along to whoever the server names instead.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) {
      const problem = `the server answered ${response.status} ${response.statusText}`.trimEnd();
      if (response.status >= 300 && response.status < 400) {
        throw new Error(`${problem}: redirects are not followed; give the address where the rewards are`);
      }
      if (response.status === 429 || response.status >= 500) throw new Passing(problem);
      throw new Error(problem);
    }
    const text = await response.text();
    try {
      answer = JSON.parse(text);
    } catch {
      throw new Error(`the server's answer is no JSON: ${JSON.stringify(text.slice(0, 80))}`);
    }
  } catch (error) {
    if ((error as Error).name === 'TimeoutError')
      throw new Passing(`no answer within ${timeoutMs} ms`, { cause: error });
    // fetch wraps what the network said.
    if (error instanceof TypeError)
      throw new Passing(`the server cannot be reached (${reason(error)})`, { cause: error });
    throw error;
  }
  const rewards = (answer as { readonly rewards?: unknown } | null)?.rewards;
  if (Array.isArray(rewards) && rewards.length === texts.length) return rewards as number[];
  const found = Array.isArray(rewards) ? `${rewards.length} rewards` : JSON.stringify(answer)?.slice(0, 80);
  throw new Error(
    `it was given ${texts.length} texts and answered ${found}; expected is { "rewards": [...] }, one number a text`,
  );
}

function reason(error: TypeError): string {
  const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } };
  return cause?.code ?? cause?.message ?? error.message;
}
