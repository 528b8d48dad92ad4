// Malformed files, made from good ones by the fuzzers of fuzz/: how many each reader refused.

import { fuzz, type FuzzResult, targetNames } from '../../fuzz/fuzz.ts';

/** What came of the files of one format. */
export type Read = Omit<FuzzResult, 'findings'> & { readonly findings: readonly string[] };

/** Feeds each reader so many files. */
export async function files(count: number, seed: number): Promise<Read[]> {
  const found: Read[] = [];
  for (const target of targetNames) {
    const { findings, ...result } = await fuzz(target, { seed, files: count, seconds: Number.POSITIVE_INFINITY });
    found.push({ ...result, findings: findings.map(({ error }) => error.split('\n')[0]!) });
    console.log(`${target}: ${result.tried} tried, ${result.refused} refused, ${findings.length} found`);
  }
  return found;
}
