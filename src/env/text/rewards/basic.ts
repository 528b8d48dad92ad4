// Rewards for an answer and for its form.

import { EnvError } from '../../errors.ts';
import { extractAnswer, gradeAnswer, TAGS } from './answers.ts';
import { named, type RewardFunction } from './reward-function.ts';

/** What {@link distanceReward} gives where there is no number to measure from; the values of the Python original. */
export const DISTANCE_PENALTIES = { missing: -10, invalid: -5 } as const;

/**
 * Minus the distance from the generated number to the right one, which is 0 at best; -10 if there is no answer, -5 if it
 * is no number. Throws an EnvError for a right answer that is no number.
 *
 * The distance has no bound: scale or clip it, or take {@link exactMatch}, where answers are large.
 */
export const distanceReward: RewardFunction = named('distance', (completion, { answer }) => {
  const grade = gradeAnswer(completion, answer);
  if (Number.isNaN(grade.correctNumber)) {
    throw new EnvError(`the right answer ${JSON.stringify(answer)} is no number: use exactMatch or symbolicEquality`);
  }
  // 0 - 0 rather than -0.
  return grade.parseError === null ? 0 - grade.difference : DISTANCE_PENALTIES[grade.parseError];
});

/** 1 if the answer is right: an equal number, or for other answers an equal text, apart from blanks and case. Else 0. */
export const exactMatch: RewardFunction = named('exactMatch', (completion, { answer }) =>
  gradeAnswer(completion, answer).correct ? 1 : 0,
);

/**
 * 1 if the completion is `<think>reasoning</think><final_answer>answer</final_answer>`, each tag once, blanks around
 * them allowed and nothing else; else 0. A prompt that ends with `<think>` has opened it already.
 */
export const formatReward: RewardFunction = named('format', (completion, { prompt }) => {
  const opened = prompt.trimEnd().endsWith(TAGS.thinkOpen) ? TAGS.thinkOpen : '';
  const text = opened + completion;
  const once = Object.values(TAGS).every((tag) => text.split(tag).length === 2);
  const inOrder = /^\s*<think>[^]*\S[^]*<\/think>\s*<final_answer>[^]*<\/final_answer>\s*$/.test(text);
  return once && inOrder && extractAnswer(text) !== '' ? 1 : 0;
});
