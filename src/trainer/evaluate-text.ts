// How good a language model is in a token environment: whole texts, as many as wanted.

import type { Env, Info } from '../env/index.ts';
import { Generator, SeedSequence } from '../random/index.ts';
import { type CollectedEpisode, EpisodeCollector, type TokenPolicy } from '../rl/index.ts';
import { checkPositiveInteger } from './environments.ts';
import { mean } from './episode-log.ts';

/** Options of {@link evaluateText}. */
export interface EvaluateTextOptions {
  /** Episodes to play. Default 100. */
  readonly episodes?: number | undefined;
  /**
   * Whether episode i begins with the reset option `index: i`, so that no example is asked twice, and every evaluation asks the same
   * ones. For environments that take it, as CoTEnv does. Default false: examples are drawn.
   */
  readonly inOrder?: boolean | undefined;
  /** Whether to take the likeliest token rather than to draw one. Default true. */
  readonly deterministic?: boolean | undefined;
  /** Environments played side by side. Default 64, at most one an episode. */
  readonly numEnvs?: number | undefined;
  /** Decides what is drawn: examples and tokens. Default: from the operating system. */
  readonly seed?: number | undefined;
  /** Called after each text, in the order in which they end. */
  readonly onText?: ((text: EvaluatedText) => void) | undefined;
  /** Ends the evaluation early: no more texts are begun. */
  readonly signal?: AbortSignal | undefined;
}

/** One text that was written. */
export interface EvaluatedText {
  /** Which episode it was; with `inOrder` the number of its example. */
  readonly episode: number;
  readonly prompt: string;
  readonly completion: string;
  /** Null where the environment does not say. */
  readonly correct: boolean | null;
  readonly return: number;
  /** Tokens that the model wrote. */
  readonly length: number;
  /** The info of the last step. */
  readonly info: Info;
}

/** What an evaluation found. */
export interface TextEvaluation {
  /** The share of right answers, 0 to 1; null if the environment does not say what is right. */
  readonly accuracy: number | null;
  readonly meanReturn: number;
  readonly meanLength: number;
  /** In the order of their `episode`. */
  readonly texts: readonly EvaluatedText[];
}

/**
 * Lets a policy write whole texts and tells what they were worth.
 *
 * @param env makes one environment each time it is called
 * @throws RangeError for counts that are none
 */
export async function evaluateText(
  policy: TokenPolicy,
  env: () => Env,
  options: EvaluateTextOptions = {},
): Promise<TextEvaluation> {
  const { episodes = 100, inOrder = false, deterministic = true, seed, onText, signal } = options;
  checkPositiveInteger('episodes', episodes);
  const { numEnvs = Math.min(64, episodes) } = options;
  checkPositiveInteger('numEnvs', numEnvs);
  const [generator, seeds] = new SeedSequence(seed).spawn(2).map((sequence) => new Generator(sequence));
  const envs = Array.from({ length: numEnvs }, env);
  const collector = new EpisodeCollector(envs, policy, { generator: generator!, seeds: seeds! });
  const texts: EvaluatedText[] = [];
  try {
    await collector.collect({
      episodes,
      deterministic,
      resetOptions: inOrder ? (index) => ({ index }) : undefined,
      onEpisode: (episode) => {
        const text = evaluated(episode);
        texts.push(text);
        onText?.(text);
        return signal?.aborted !== true;
      },
    });
  } finally {
    await Promise.all(envs.map((one) => one.close()));
  }
  texts.sort((a, b) => a.episode - b.episode);
  return {
    accuracy: mean(texts.flatMap(({ correct }) => (correct === null ? [] : Number(correct)))),
    meanReturn: mean(texts.map((text) => text.return))!,
    meanLength: mean(texts.map(({ length }) => length))!,
    texts,
  };
}

function evaluated({ group, info, return: value, length }: CollectedEpisode): EvaluatedText {
  const { prompt, completion, correct } = info;
  return {
    episode: group,
    prompt: String(prompt),
    completion: String(completion),
    correct: typeof correct === 'boolean' ? correct : null,
    return: value,
    length,
    info,
  };
}
