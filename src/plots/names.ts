// What metrics and axes are called in pictures, with units.

const NAMES: Readonly<Record<string, string>> = {
  episodicReturn: 'return, mean of the latest 100 episodes',
  episodicLength: 'length of an episode, steps',
  runningReward: 'running reward',
  accuracy: 'accuracy, share of 1',
  loss: 'loss, nats',
  evalLoss: 'loss on held-out rows, nats',
  evalAccuracy: 'accuracy on held-out rows, share of 1',
  entropy: 'entropy of an action, nats',
  approxKl: 'KL from the policy before the update, nats',
  kl: 'KL from the reference, nats a text',
  klPerToken: 'KL from the reference, nats a token',
  klCoef: 'weight of the KL',
  scores: 'score of a text',
  rlhfReward: 'score less the cost of KL',
  gradNorm: 'norm of the gradients',
  learningRate: 'learning rate',
  explainedVariance: 'explained variance, share of 1',
  clipFraction: 'clipped, share of 1',
  stepsPerSecond: 'steps a second',
  tokensPerSecond: 'tokens a second',
  globalStep: 'environment steps',
  update: 'updates',
  episodes: 'episodes',
  seconds: 'time, s',
  memory: 'memory of the process, MB',
  step: 'optimizer steps',
  epoch: 'epochs',
  tokens: 'tokens read',
};

/** A metric's name for people: those that are not known in words, `valueLoss` as `value loss`. */
export function metricLabel(name: string): string {
  if (Object.hasOwn(NAMES, name)) return NAMES[name]!;
  return name.replace(/([a-z\d])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`);
}

/** What several metrics are called together: `loss` and `evalLoss` are both losses. */
export function jointLabel(names: readonly string[], label: (name: string) => string): string {
  const [first] = names;
  const evaluated = `eval${first![0]!.toUpperCase()}${first!.slice(1)}`;
  return names.slice(1).every((name) => name === evaluated) ? label(first!) : names.map(label).join(' and ');
}

/** A metric's name in few words, for titles and legends: without the unit. */
export function shortLabel(name: string): string {
  return metricLabel(name).replace(/,[^,]*$/, '');
}
