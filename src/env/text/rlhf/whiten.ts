// Scaling rewards by their own deviation.

/**
 * Values of deviation 1: each deviation from the mean times `1 / sqrt(variance + 1e-8)`, with the unbiased variance. Source:
 * `whiten` of lm-human-preferences, and of TRL's PPO trainer.
 */
export function whiten(
  values: Float64Array,
  {
    shiftMean = true,
  }: {
    /** Whether the mean becomes 0, or stays as it is. Default true. */
    readonly shiftMean?: boolean;
  } = {},
): Float64Array {
  if (values.length < 2) return values.slice();
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const scale = 1 / Math.sqrt(variance + 1e-8);
  return values.map((value) => (value - mean) * scale + (shiftMean ? 0 : mean));
}
