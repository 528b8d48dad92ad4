// How long a language model is to learn from rewards, in words.

import { rolloutSize } from '../trainer/episode-run.ts';
import { limitOf } from '../trainer/run-options.ts';
import { counted, grouped } from './format.ts';

/** What a recipe says of it. */
interface TextLimit {
  readonly totalSteps?: number | undefined;
  readonly maxEpisodes?: number | undefined;
  readonly numEnvs?: number | undefined;
  readonly updateInterval?: number | undefined;
  readonly groupSize?: number | undefined;
}

/** `26,880 texts`; or, where the last update goes beyond, `20 texts asked for, 32 in whole updates`. */
export function textLimit(options: TextLimit, algorithm: { readonly name: string }): string {
  const { unit, count } = limitOf(options);
  const { episodesPerUpdate } = rolloutSize(options, algorithm, options.numEnvs ?? 32);
  if (unit === 'steps') return `${counted(count, 'token')}, in whole updates of ${counted(episodesPerUpdate, 'text')}`;
  const whole = episodesPerUpdate * Math.ceil(count / episodesPerUpdate);
  return whole === count
    ? counted(count, 'text')
    : `${counted(count, 'text')} asked for, ${grouped(whole)} in whole updates`;
}
