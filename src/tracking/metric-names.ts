// How metrics are called elsewhere: in groups, as users of TensorBoard and W&B expect them.

const LOSSES =
  /^(?:loss|\w*Loss|entropy|approxKl|oldApproxKl|clipFraction|valueClipFraction|explainedVariance|gradNorm|ratio)$/;
const OBJECTIVE =
  /^(?:scores|scoreDeviation|kl|klPerToken|klCoef|nonScoreReward|rlhfReward|sequenceEntropy|eosTokens)$/;

/** Where a row stands is no metric of its own. */
const POSITIONS: ReadonlySet<string> = new Set(['globalStep', 'step', 'update']);

/**
 * A metric's name with its group: `losses/` as CleanRL has them, `objective/` as TRL, `eval/` for what an evaluation found (`evalLoss` is
 * `eval/loss`), `charts/` for the rest. A name that has a group already keeps it. Null for what only says where a row stands.
 */
export function groupedName(name: string): string | null {
  if (POSITIONS.has(name)) return null;
  const evaluated = /^eval([A-Z])(.*)$/.exec(name);
  if (evaluated !== null) return `eval/${evaluated[1]!.toLowerCase()}${evaluated[2]}`;
  if (name.includes('/')) return name;
  if (LOSSES.test(name)) return `losses/${name}`;
  return `${OBJECTIVE.test(name) ? 'objective' : 'charts'}/${name}`;
}

const known = new Map<string, string | null>();

/** The metrics of a row that there are, with their groups. */
export function groupedMetrics(row: Readonly<Record<string, unknown>>): [name: string, value: number][] {
  return Object.entries(row).flatMap(([name, value]) => {
    let grouped = known.get(name);
    if (grouped === undefined) known.set(name, (grouped = groupedName(name)));
    return grouped === null || typeof value !== 'number' || !Number.isFinite(value) ? [] : [[grouped, value]];
  });
}
