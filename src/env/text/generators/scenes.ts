// Sentences of a small world, some barely said and some painted: "Our fox slept." and "The hungry grey fox ran quickly across the quiet
// field at night.". With the rule that says how descriptive one is, and the one that says whether it is a sentence of this world.

import { defaultRng, type Generator } from '../../../random/index.ts';

/** Options of {@link sceneSentences}. */
export interface SceneOptions {
  readonly count: number;
  /** Default 0. */
  readonly seed?: number | undefined;
}

const DETERMINERS = ['the', 'our', 'one', 'this'];
const BEINGS = ['fox', 'dog', 'cat', 'girl', 'boy', 'horse', 'baker', 'sailor', 'teacher', 'owl'];
const OF_BEINGS = ['hungry', 'tired', 'clever', 'brave', 'gentle', 'grey', 'proud', 'curious', 'cheerful', 'lonely'];
const VERBS = ['walked', 'ran', 'slept', 'waited', 'sang', 'jumped', 'stood', 'worked'];
const MANNERS = ['slowly', 'quickly', 'quietly', 'happily', 'calmly', 'proudly'];
const PREPOSITIONS = ['in', 'near', 'behind', 'across', 'beside'];
const PLACES = ['forest', 'river', 'house', 'garden', 'market', 'bridge', 'field', 'harbour'];
const OF_PLACES = ['dark', 'quiet', 'green', 'narrow', 'sunny', 'misty', 'wide', 'wooden', 'golden', 'silent'];
const TIMES = ['at night', 'in spring', 'before dawn', 'after the rain', 'every morning'];

/** Words that describe, each worth a point. */
const DESCRIBING = new Set([...OF_BEINGS, ...MANNERS, ...OF_PLACES]);

/** How often each part of a sentence is there. */
const SHARES = { adjective: 0.35, manner: 0.35, place: 0.55, time: 0.3 } as const;

/** Different sentences, in no order; the same for the same seed. */
export function sceneSentences({ count, seed = 0 }: SceneOptions): readonly string[] {
  if (!(Number.isInteger(count) && count >= 1 && count <= MOST)) {
    throw new RangeError(`count is ${count}, but must be a whole number from 1 to ${MOST}`);
  }
  const generator = defaultRng(seed);
  const sentences = new Set<string>();
  while (sentences.size < count) sentences.add(sentence(generator));
  return [...sentences];
}

/** More than this would take for ever to find. */
const MOST = 200_000;

function sentence(generator: Generator): string {
  const pick = <T>(from: readonly T[]): T => from[Number(generator.integers(from.length))]!;
  const chance = (share: number): boolean => generator.random() < share;
  const adjectives = (from: readonly string[]): string[] => {
    if (!chance(SHARES.adjective)) return [];
    const first = pick(from);
    return chance(SHARES.adjective) ? [first, pick(from.filter((word) => word !== first))] : [first];
  };
  const words = [pick(DETERMINERS), ...adjectives(OF_BEINGS), pick(BEINGS), pick(VERBS)];
  if (chance(SHARES.manner)) words.push(pick(MANNERS));
  if (chance(SHARES.place)) words.push(pick(PREPOSITIONS), pick(DETERMINERS), ...adjectives(OF_PLACES), pick(PLACES));
  if (chance(SHARES.time)) words.push(pick(TIMES));
  const text = words.join(' ');
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

/**
 * How descriptive a text is: a point for each different adjective or adverb, half a point if it says where and a quarter if it says
 * when; less a point for each adjective or adverb that it says again.
 */
export function descriptiveness(text: string): number {
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  const describing = words.filter((word) => DESCRIBING.has(word));
  const different = new Set(describing).size;
  const where = words.some((word) => PLACES.includes(word)) ? 0.5 : 0;
  const when = TIMES.some((time) => text.toLowerCase().includes(time)) ? 0.25 : 0;
  return different - (describing.length - different) + where + when;
}

/** Whether a text is one sentence of this world, from its capital letter to its full stop. */
export function isScene(text: string): boolean {
  return SCENE.test(text);
}

const one = (words: readonly string[]): string => `(?:${words.join('|')})`;
const upTo2 = (words: readonly string[]): string => `(?: ${one(words)}){0,2}`;
const capital = (word: string): string => `${word[0]!.toUpperCase()}${word.slice(1)}`;
const SCENE = new RegExp(
  `^${one(DETERMINERS.map(capital))}${upTo2(OF_BEINGS)} ${one(BEINGS)} ${one(VERBS)}(?: ${one(MANNERS)})?` +
    `(?: ${one(PREPOSITIONS)} ${one(DETERMINERS)}${upTo2(OF_PLACES)} ${one(PLACES)})?(?: ${one(TIMES)})?\\.$`,
);
