// "Did you mean ...?"

/**
 * The candidate most like `word`, or undefined if none is alike by 0.6.
 *
 * Likeness is Ratcliff and Obershelp's, `2 * matched / (length + length)`, as in Python's difflib: the longest common block
 * matches, then the same to its left and right.
 */
export function closestMatch(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestLikeness = 0.6;
  for (const candidate of candidates) {
    const likeness = (2 * matched(word, candidate)) / (word.length + candidate.length);
    if (likeness > bestLikeness || (likeness === bestLikeness && best === undefined)) {
      best = candidate;
      bestLikeness = likeness;
    }
  }
  return best;
}

function matched(a: string, b: string): number {
  let size = 0;
  let startA = 0;
  let startB = 0;
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length; j++) {
      let length = 0;
      while (i + length < a.length && j + length < b.length && a[i + length] === b[j + length]) length++;
      if (length > size) [size, startA, startB] = [length, i, j];
    }
  }
  if (size === 0) return 0;
  const left = matched(a.slice(0, startA), b.slice(0, startB));
  return left + size + matched(a.slice(startA + size), b.slice(startB + size));
}
