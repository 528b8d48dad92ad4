// Colours of tokens by what they earned, how far they went from the reference, how likely they were.

import type { Completion } from '../api.ts';

export const QUANTITIES = ['tokenRewards', 'tokenKls', 'logProbs'] as const;
export type Quantity = (typeof QUANTITIES)[number];

/** What a quantity is called, and what the ends of its scale are. */
export const MEANINGS: Readonly<
  Record<Quantity, { readonly title: string; readonly short: string; readonly low: string; readonly high: string }>
> = {
  tokenRewards: { title: 'Reward', short: 'reward', low: 'negative', high: 'positive' },
  tokenKls: { title: 'KL', short: 'KL', low: 'below the reference', high: 'above the reference' },
  logProbs: { title: 'Log-probability', short: 'log p', low: 'unlikely', high: 'certain' },
};

/** Those that some of these texts have. */
export function quantitiesOf(texts: readonly Completion[]): readonly Quantity[] {
  return QUANTITIES.filter((name) => texts.some((text) => text[name] !== null));
}

/** What the deepest colour stands for: the 98th percentile of the sizes, so that one outlier does not make the rest pale. */
export function scaleOf(texts: readonly Completion[], quantity: Quantity): number {
  const sizes = texts
    .flatMap((text) => text[quantity] ?? [])
    .flatMap((value) => (value === null ? [] : [Math.abs(value)]));
  sizes.sort((a, b) => a - b);
  const most = sizes[Math.floor(0.98 * (sizes.length - 1))] ?? 0;
  return most > 0 ? most : sizes.at(-1) || 1;
}

/** A background: the style sheet's colour for low or high, the deeper the larger the value. Undefined for none. */
export function backgroundOf(value: number | null | undefined, quantity: Quantity, scale: number): string | undefined {
  if (value === null || value === undefined || value === 0) return undefined;
  const share = Math.min(1, Math.abs(value) / scale);
  const tone = value < 0 ? 'low' : 'high';
  return `color-mix(in srgb, var(--token-${quantity === 'logProbs' ? 'unlikely' : tone}) ${Math.round(75 * share)}%, transparent)`;
}
