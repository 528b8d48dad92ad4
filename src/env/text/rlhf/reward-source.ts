// Where rewards come from: a reward model, functions of one text or of many, a server, or several of these with weights.

import { RewardModel } from '../../../lm/reward-model.ts';
import type { MaybePromise } from '../../env.ts';
import { EnvError } from '../../errors.ts';
import { warn } from '../../warnings.ts';
import { within } from '../../within.ts';
import { withTimeout } from '../rewards/combine.ts';
import { isRewardName, type RewardName, rewardOf } from '../rewards/named-rewards.ts';
import {
  checkRetries,
  nameOf,
  type RewardContext,
  RewardError,
  type RewardFunction,
  type RewardRules,
} from '../rewards/reward-function.ts';
import { askEndpoint, endpointSettings, type RewardEndpoint } from './reward-endpoint.ts';

/** A finished text and how it came about. `question` is the prompt, and `answer` empty: nobody knows a right one. */
export interface RatedText extends RewardContext {
  readonly completion: string;
}

/** What scores whole texts, prompt and completion together: a {@link RewardModel}, or anything of that form. */
export interface TextScorer {
  score(
    texts: readonly string[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): MaybePromise<ArrayLike<number>>;
}

/** A function that rates many completions at once. */
export interface BatchRewardFunction {
  readonly batch: (
    completions: readonly string[],
    contexts: readonly RewardContext[],
  ) => MaybePromise<ArrayLike<number>>;
  /** What errors call it. Default: the function's name. */
  readonly name?: string | undefined;
}

/**
 * A reward: the folder of a reward model (or its name on the Hub), or the model itself; the address of a server, which begins with
 * `http://` or `https://`, or more about it; a reward function or its name; a function of many texts.
 */
export type RewardSource = string | RewardName | TextScorer | RewardFunction | BatchRewardFunction | RewardEndpoint;

/** One source, or several with weights. */
export type TextReward = RewardSource | readonly (readonly [source: RewardSource, weight: number])[];

export interface BatchRewardRules extends RewardRules {
  /** Milliseconds after which a source counts as failed. Default: never; an endpoint has its own. */
  readonly timeoutMs?: number | undefined;
}

/** What texts were rated with: one number a text, all of them finite. */
export interface Ratings {
  readonly values: Float64Array;
  /** Whether a source failed, so that the fallback stands for what it would have said. */
  readonly failed: boolean;
}

/** Rates any number of texts. */
export interface BatchReward {
  readonly name: string;
  /** Reward models in memory that are asked. */
  readonly models: readonly RewardModel[];
  /** Folders of those that are opened when they are needed, or names on the Hub. */
  readonly folders: readonly string[];
  /** @param signal nobody waits for them any more: its reason is thrown */
  rate(texts: readonly RatedText[], signal?: AbortSignal): Promise<Ratings>;
}

/**
 * What rates texts by a source, or by several. It fails in one way only, with a {@link RewardError}; or, given a fallback, gives
 * that value and warns with a count.
 *
 * @throws EnvError at once for what is no source
 */
export function batchReward(reward: TextReward, rules: BatchRewardRules = {}): BatchReward {
  const { retries = 0 } = rules;
  checkRetries(retries);
  if (!Array.isArray(reward)) return checked(sourceOf(reward as RewardSource, rules.timeoutMs), rules);
  const parts = reward as readonly (readonly [RewardSource, number])[];
  if (parts.length === 0) throw new EnvError('reward is an empty list: it needs at least one [source, weight]');
  const weighted = parts.map((part) => {
    const [source, weight] = Array.isArray(part) ? part : [];
    if (source === undefined || !Number.isFinite(weight)) {
      throw new EnvError(`reward: each part must be [source, weight], but one is ${shown(part)}`);
    }
    return { ...checked(sourceOf(source, rules.timeoutMs), rules), weight: weight as number };
  });
  return {
    name: weighted.map(({ name, weight }) => `${weight} ${name}`).join(' + '),
    models: weighted.flatMap(({ models }) => models),
    folders: weighted.flatMap(({ folders }) => folders),
    async rate(texts, signal) {
      const ratings = await Promise.all(weighted.map((part) => part.rate(texts, signal)));
      const values = Float64Array.from(texts, (_, i) =>
        ratings.reduce((sum, rating, part) => sum + weighted[part]!.weight * rating.values[i]!, 0),
      );
      return { values, failed: ratings.some(({ failed }) => failed) };
    },
  };
}

/** A source before its answers are checked. */
interface Source {
  readonly name: string;
  readonly model?: RewardModel | undefined;
  readonly folder?: string | undefined;
  rate(texts: readonly RatedText[], signal?: AbortSignal): MaybePromise<ArrayLike<number>>;
}

function sourceOf(source: RewardSource, timeoutMs: number | undefined): Source {
  if (typeof source === 'string') {
    if (/^https?:\/\//.test(source)) return endpoint({ url: source }, timeoutMs);
    if (isRewardName(source)) return singly(rewardOf(source), timeoutMs);
    let model: Promise<RewardModel> | undefined;
    return timed(
      {
        name: source,
        folder: source,
        rate: async (texts, signal) => {
          model ??= RewardModel.fromPretrained(source);
          return (await model).score(
            texts.map(({ prompt, completion }) => prompt + completion),
            { signal },
          );
        },
      },
      timeoutMs,
    );
  }
  if (typeof source === 'function') return singly(source, timeoutMs);
  if (typeof source === 'object' && source !== null) {
    if ('score' in source && typeof source.score === 'function') {
      const name = source.constructor.name === 'Object' ? 'score' : source.constructor.name;
      // Text, not tokens: the scorer's tokenizer may be another than the policy's.
      const rate: Source['rate'] = (texts, signal) =>
        source.score(
          texts.map(({ prompt, completion }) => prompt + completion),
          { signal },
        );
      return timed({ name, rate, model: source instanceof RewardModel ? source : undefined }, timeoutMs);
    }
    if ('batch' in source && typeof source.batch === 'function') {
      const rate: Source['rate'] = (texts) =>
        source.batch(
          texts.map(({ completion }) => completion),
          texts,
        );
      return timed({ name: source.name ?? (source.batch.name || 'batch'), rate }, timeoutMs);
    }
    if ('url' in source) return endpoint(source, timeoutMs);
    if ('score' in source || 'logits' in source) {
      throw new EnvError(
        'reward is a bare model: a reward needs a head of one score and its tokenizer, which new RewardModel(classifier, tokenizer) puts together',
      );
    }
  }
  throw new EnvError(
    `reward must be a RewardModel or its folder, a function, { batch }, { url } or a list of [source, weight], but is ${shown(source)}`,
  );
}

/** A function of one text; those that answer later are asked all at once. */
function singly(reward: RewardFunction, timeoutMs: number | undefined): Source {
  const limited = timeoutMs === undefined ? reward : withTimeout(reward, timeoutMs);
  return {
    name: nameOf(reward),
    rate: (texts) => {
      const values = texts.map((text) => {
        try {
          return limited(text.completion, text);
        } catch (cause) {
          throw cause instanceof RewardError
            ? cause
            : failure(nameOf(reward), text, `it threw ${String(cause)}`, cause);
        }
      });
      return values.some((value) => value instanceof Promise) ? Promise.all(values) : (values as number[]);
    },
  };
}

function endpoint(source: RewardEndpoint, timeoutMs: number | undefined): Source {
  const settings = endpointSettings(timeoutMs === undefined ? source : { timeoutMs, ...source });
  return { name: settings.url, rate: (texts) => askEndpoint(settings, texts) };
}

function timed(source: Source, milliseconds: number | undefined): Source {
  if (milliseconds === undefined) return source;
  return {
    ...source,
    rate: (texts, signal) => {
      const answer = source.rate(texts, signal);
      if (!(answer instanceof Promise)) return answer;
      return within(answer, milliseconds, () => new Error(`it took longer than ${milliseconds} ms`));
    },
  };
}

/** One finite number a text, or a {@link RewardError}; or the fallback. */
function checked(
  { name, model, folder, rate }: Source,
  { errors: policy = 'throw', retries = 0 }: RewardRules,
): BatchReward {
  let failures = 0;
  const ask = async (texts: readonly RatedText[], signal?: AbortSignal): Promise<Float64Array> => {
    let values: ArrayLike<number>;
    try {
      values = await rate(texts, signal);
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof RewardError) throw cause;
      throw failure(name, texts[0]!, cause instanceof Error ? cause.message : `it threw ${String(cause)}`, cause);
    }
    if (typeof values !== 'object' || values?.length !== texts.length) {
      const found = typeof values === 'object' && values !== null ? `${values.length} numbers` : shown(values);
      throw failure(name, texts[0]!, `it was given ${texts.length} texts and gave ${found}`);
    }
    const bad = Array.from(values).findIndex((value) => typeof value !== 'number' || !Number.isFinite(value));
    if (bad >= 0) throw failure(name, texts[bad]!, `it gave ${String(values[bad])}, which is no finite number`);
    return Float64Array.from(values);
  };
  return {
    name,
    models: model === undefined ? [] : [model],
    folders: folder === undefined ? [] : [folder],
    async rate(texts, signal) {
      if (texts.length === 0) return { values: new Float64Array(0), failed: false };
      for (let left = retries; ; left--) {
        try {
          return { values: await ask(texts, signal), failed: false };
        } catch (error) {
          signal?.throwIfAborted();
          if (left > 0) continue;
          if (policy === 'throw') throw error;
          failures += 1;
          if (Number.isInteger(Math.log10(failures))) {
            warn(
              `${(error as Error).message}; failure ${failures}, all ${texts.length} texts rewarded with ${policy.fallback}`,
            );
          }
          return { values: new Float64Array(texts.length).fill(policy.fallback), failed: true };
        }
      }
    },
  };
}

function failure(name: string, { completion }: RatedText, problem: string, cause?: unknown): RewardError {
  return new RewardError(name, completion, problem, { cause });
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? String(value);
}
