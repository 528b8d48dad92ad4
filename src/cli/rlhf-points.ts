// How reinforcement learning went, update by update, as the files of its run tell. So a run that was interrupted is told as a whole.

import type { Rule } from './rlhf-setup.ts';
import { eachRow } from './run-rows.ts';

/** What an update's texts came to, on average. */
export interface UpdatePoint {
  /** The divergence of a text, in nats, and its weight. */
  readonly kl: number;
  readonly klCoef: number;
  /** What the reward model said. */
  readonly reward: number;
  /** What the rule says, which nobody learns from; null if there is none. */
  readonly rule: number | null;
}

/** The updates of the run in `directory`. */
export async function updatePoints(directory: string, rule: Rule | null): Promise<readonly UpdatePoint[]> {
  const rules = new Map<unknown, number[]>();
  if (rule !== null) {
    await eachRow(`${directory}/completions.jsonl`, ({ update, prompt, completion }) => {
      const scores = rules.get(update) ?? [];
      scores.push(rule.score(`${String(prompt)}${String(completion)}`));
      rules.set(update, scores);
    });
  }
  // A run that was killed may have made some updates again, with the same numbers.
  const points = new Map<unknown, UpdatePoint>();
  await eachRow(`${directory}/metrics.jsonl`, ({ update, kl, klCoef, scores }) => {
    points.set(update, {
      kl: Number(kl),
      klCoef: Number(klCoef),
      reward: Number(scores),
      rule: mean(rules.get(update)),
    });
  });
  return [...points.values()];
}

/** The evaluation with the lowest loss that the reward model's run in `directory` tells of; null if there was none. */
export async function bestEvaluation(
  directory: string,
): Promise<{ readonly loss: number; readonly accuracy: number } | null> {
  let best: { readonly loss: number; readonly accuracy: number } | null = null;
  await eachRow(`${directory}/metrics.jsonl`, ({ evalLoss: loss, evalAccuracy: accuracy }) => {
    if (typeof loss !== 'number' || typeof accuracy !== 'number') return;
    if (best === null || loss < best.loss) best = { loss, accuracy };
  });
  return best;
}

/** Null for nothing. */
function mean(values: readonly number[] | undefined): number | null {
  return values === undefined ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
