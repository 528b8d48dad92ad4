// What the learning rate is multiplied by at each step: pure functions, to be given to `Optimizer.setLearningRates`.
// Source: transformers.optimization, get_constant_, get_linear_ and get_cosine_schedule_with_warmup.

/** Options of {@link constantSchedule}. */
export interface WarmupOptions {
  /** Steps during which the multiplier rises from 0 to 1 in a straight line. Default 0. */
  readonly warmupSteps?: number | undefined;
}

/** Options of the schedules that end. */
export interface DecayOptions extends WarmupOptions {
  /** The step, warm-up included, at which the multiplier reaches 0 and stays there. */
  readonly totalSteps: number;
}

/** 1 after the warm-up. @param step 0 is the first. */
export function constantSchedule(step: number, { warmupSteps = 0 }: WarmupOptions = {}): number {
  return step < warmupSteps ? step / warmupSteps : 1;
}

/** From 1 after the warm-up to 0 at `totalSteps` in a straight line. @param step 0 is the first; may be a fraction. */
export function linearSchedule(step: number, options: DecayOptions): number {
  return warmupOr(step, options, (progress) => 1 - progress);
}

/** From 1 after the warm-up to 0 at `totalSteps` along half a cosine. @param step 0 is the first; may be a fraction. */
export function cosineSchedule(step: number, options: DecayOptions): number {
  return warmupOr(step, options, (progress) => 0.5 * (1 + Math.cos(Math.PI * progress)));
}

function warmupOr(
  step: number,
  { warmupSteps = 0, totalSteps }: DecayOptions,
  decay: (progress: number) => number,
): number {
  if (step < warmupSteps) return step / warmupSteps;
  return step >= totalSteps ? 0 : decay((step - warmupSteps) / (totalSteps - warmupSteps));
}
