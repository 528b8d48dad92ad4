import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Tokenizer, trainByteLevelTokenizer } from '../../src/lm/index.ts';
import { type CompletionRow, readRows } from '../../src/tracking/index.ts';
import { TokenTexts } from '../../src/trainer/token-texts.ts';
import { families, folderOf, recorded } from '../lm/recorded-tokenizers.ts';
import { temporaryDirectory } from './tiny-run.ts';
import { tinyText, tokenizer } from './tiny-text.ts';

const root = temporaryDirectory();

async function completionsOf(name: string): Promise<readonly CompletionRow[]> {
  const { rows, skipped } = await readRows(join(root, name, 'completions.jsonl'));
  expect(skipped).toBe(0);
  return rows as unknown as readonly CompletionRow[];
}

describe('a line of completions.jsonl', () => {
  test('has everything of each token, without a reference too', async () => {
    const { episodeReturns } = await tinyText(root, { runDirectory: join(root, 'plain') });
    const rows = await completionsOf('plain');
    expect(rows.map((row) => row.return)).toEqual(episodeReturns);
    expect(rows.map((row) => row.episode)).toEqual(rows.map((_, i) => i + 1));
    expect(rows.map((row) => row.update)).toEqual(rows.map((_, i) => 1 + Math.floor(i / 8)));
    for (const row of rows) {
      const { tokens, completion, completionIds, tokenTexts, logProbs, tokenRewards } = row;
      expect([completionIds!.length, tokenTexts!.length, logProbs!.length]).toEqual([tokens, tokens, tokens]);
      expect(completionIds!.map((id) => tokenizer.decode([id]))).toEqual(tokenTexts);
      expect(tokenTexts!.join('').replace(/<eos>$/, '')).toBe(completion);
      expect(logProbs!.every((logProb) => logProb < 0 && logProb > -20)).toBe(true);
      expect(tokenRewards!.slice(0, -1).every((reward) => reward === 0)).toBe(true);
      expect(tokenRewards!.at(-1)).toBeCloseTo(row.return, 6);
      expect(row).toMatchObject({ correct: expect.any(Boolean), correctAnswer: expect.any(String) });
      expect(row).not.toHaveProperty('referenceLogProbs');
    }
  });

  test("has an algorithm's reference", async () => {
    const algorithm = { name: 'grpo', learningRate: 1e-2, klCoef: 0.04 } as const;
    await tinyText(root, { runDirectory: join(root, 'held'), algorithm });
    const rows = await completionsOf('held');
    const kls = rows.map(({ tokens, logProbs, referenceLogProbs, tokenKls }) => {
      expect([referenceLogProbs!.length, tokenKls!.length]).toEqual([tokens, tokens]);
      // Schulman's k3, joschu.net/blog/kl-approx.html.
      tokenKls!.forEach((kl, i) => {
        const difference = referenceLogProbs![i]! - logProbs![i]!;
        expect(kl).toBeCloseTo(Math.exp(difference) - 1 - difference, 4);
      });
      return tokenKls!.reduce((sum, kl) => sum + kl, 0);
    });
    expect(kls[0]).toBeCloseTo(0, 4);
    expect(Math.max(...kls.slice(24))).toBeGreaterThan(0.01);
  });
});

describe("tokens' texts", () => {
  test.each(families)('joined, they are what %s decodes behind a prompt', async (family) => {
    const some = await Tokenizer.fromPretrained(folderOf(family));
    const texts = new TokenTexts(some);
    const prompt = some.encode('a', { addSpecialTokens: false });
    for (const { plain } of recorded(family).rows) {
      const pieces = texts.of(plain);
      expect(pieces).toHaveLength(plain.length);
      const whole = some.decode([...prompt, ...plain]);
      expect(`${some.decode(prompt)}${pieces.join('')}`.replaceAll('\uFFFD', '')).toBe(whole.replaceAll('\uFFFD', ''));
    }
  });

  test('a character stands at the token that completes it', () => {
    const bytes = new TokenTexts(trainByteLevelTokenizer('', {}));
    const euro = trainByteLevelTokenizer('', {}).encode('a€b');
    expect(bytes.of(euro)).toEqual(['a', '', '', '€', 'b']);
    // Cut off in the middle of a character.
    expect(bytes.of(euro.slice(0, 3))).toEqual(['a', '', '\uFFFD']);
  });
});
