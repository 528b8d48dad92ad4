// Proximal policy optimisation. Sources: Schulman et al. 2017, arXiv 1707.06347; the details and their names follow
// Huang et al. 2022, "The 37 Implementation Details of Proximal Policy Optimization", and its reference code, CleanRL.

import { Adam, gradientAssignments, type OptimizerState, type Parameter } from '../nn/index.ts';
import type { Generator } from '../random/index.ts';
import { type Assignment, type BoundProgram, compile, type Compiled } from '../runtime/index.ts';
import type { Tensor } from '../tensor/index.ts';
import { gae } from './gae.ts';
import type { ActionRows } from './action-head.ts';
import type { ActorCriticPolicy, Evaluation } from './policy.ts';
import { explainedVariance, type MinibatchMeans, UpdateTotals } from './ppo-metrics.ts';
import type { Rollout } from './rollout.ts';

/** All of it optional. Defaults are CleanRL's unless another source is named. */
export interface PPOConfig {
  /** Learning rate of the actor (and of what it shares with the critic). Default 2.5e-4. */
  readonly lrActor?: number | undefined;
  /** Learning rate of the critic. Default: that of the actor. */
  readonly lrCritic?: number | undefined;
  /** 'linear' lets learning rates fall to 0 over the run (detail 4). Default 'constant'. */
  readonly lrSchedule?: 'constant' | 'linear' | undefined;
  /** Discount, 0 to 1. Default 0.99. */
  readonly gamma?: number | undefined;
  /** Lambda of generalised advantage estimation, 0 to 1 (detail 5). Default 0.95. */
  readonly gaeLambda?: number | undefined;
  /** Steps in each environment between updates. Default 2048 divided by the number of environments. */
  readonly rolloutSteps?: number | undefined;
  /** Passes over each rollout (detail 6). Default 10, as in the paper. */
  readonly updateEpochs?: number | undefined;
  /** Steps in a minibatch; -1 takes the whole rollout. Default 64, as in the paper. */
  readonly minibatchSize?: number | undefined;
  /** How far the probability ratio may move (detail 8). Default 0.2. */
  readonly epsClip?: number | undefined;
  /** 'linear' lets `epsClip` fall to 0 over the run. Default 'constant'. */
  readonly epsClipSchedule?: 'constant' | 'linear' | undefined;
  /** Normalise advantages to mean 0 and deviation 1 in each minibatch (detail 7). Default true. */
  readonly normalizeAdvantages?: boolean | undefined;
  /** How far a value may move from what it was, as `epsClip` for the critic (detail 9); null for no limit. Default null. */
  readonly valueClip?: number | null | undefined;
  /** Weight of the value loss `0.5 mean (V - return)^2`. Default 0.5. */
  readonly valueCoef?: number | undefined;
  /** Weight of the entropy bonus (detail 10). Default 0.01. */
  readonly entropyCoef?: number | undefined;
  /** The global norm that gradients are scaled down to (detail 11); null for no limit. Default 0.5. */
  readonly maxGradNorm?: number | null | undefined;
  /** Leave the remaining epochs out once `approxKl` of an epoch is above this; null for never. Default null. */
  readonly targetKl?: number | null | undefined;
  /** Adam's epsilon (detail 3). Default 1e-5. */
  readonly adamEpsilon?: number | undefined;
}

/** A config with every field decided. */
export type ResolvedPPOConfig = { readonly [K in keyof PPOConfig]-?: Exclude<PPOConfig[K], undefined> };

/** What an update did, under the names CleanRL logs. */
export interface PPOMetrics extends MinibatchMeans {
  /** How much of the variance of the returns the critic had foreseen: 1 all, 0 or less none; NaN if all returns are equal. */
  readonly explainedVariance: number;
  /** Of the actor. */
  readonly learningRate: number;
  readonly epsClip: number;
  /** Epochs that were run. */
  readonly epochs: number;
}

/**
 * Checks a config and fills in what it leaves open.
 *
 * @throws TypeError for a field that there is not
 * @throws RangeError for a value that cannot be, which says what can
 */
export function resolvePPOConfig(config: PPOConfig, numEnvs: number): ResolvedPPOConfig {
  const resolved: ResolvedPPOConfig = {
    lrActor: config.lrActor ?? 2.5e-4,
    lrCritic: config.lrCritic ?? config.lrActor ?? 2.5e-4,
    lrSchedule: config.lrSchedule ?? 'constant',
    gamma: config.gamma ?? 0.99,
    gaeLambda: config.gaeLambda ?? 0.95,
    rolloutSteps: config.rolloutSteps ?? Math.max(1, Math.floor(2048 / numEnvs)),
    updateEpochs: config.updateEpochs ?? 10,
    minibatchSize: config.minibatchSize ?? 64,
    epsClip: config.epsClip ?? 0.2,
    epsClipSchedule: config.epsClipSchedule ?? 'constant',
    normalizeAdvantages: config.normalizeAdvantages ?? true,
    valueClip: config.valueClip ?? null,
    valueCoef: config.valueCoef ?? 0.5,
    entropyCoef: config.entropyCoef ?? 0.01,
    maxGradNorm: config.maxGradNorm === undefined ? 0.5 : config.maxGradNorm,
    targetKl: config.targetKl ?? null,
    adamEpsilon: config.adamEpsilon ?? 1e-5,
  };
  const unknown = Object.keys(config).filter((key) => !(key in resolved));
  if (unknown.length > 0) {
    throw new TypeError(`PPOConfig has no field ${unknown.join(', ')}; it has ${Object.keys(resolved).join(', ')}`);
  }
  for (const key of Object.keys(allowed) as (keyof ResolvedPPOConfig)[]) {
    const [test, expected] = allowed[key];
    const value = resolved[key];
    if (test(value)) continue;
    const shown = typeof value === 'string' ? `'${value}'` : String(value);
    throw new RangeError(`PPOConfig.${key} is ${shown}, but must be ${expected}`);
  }
  return resolved;
}

type Rule = readonly [test: (value: unknown) => boolean, expected: string];

const finite = (value: unknown): value is number => Number.isFinite(value);
const notNegative: Rule = [(x) => finite(x) && x >= 0, 'a number of 0 or more'];
const positive: Rule = [(x) => finite(x) && x > 0, 'a number above 0'];
const positiveOrNull: Rule = [(x) => x === null || (finite(x) && x > 0), 'a number above 0, or null for none'];
const fraction: Rule = [(x) => finite(x) && x >= 0 && x <= 1, 'a number from 0 to 1'];
const counting: Rule = [(x) => Number.isInteger(x) && (x as number) >= 1, 'a whole number of 1 or more'];
const schedule: Rule = [(x) => x === 'constant' || x === 'linear', "'constant' or 'linear'"];

const allowed: Readonly<Record<keyof ResolvedPPOConfig, Rule>> = {
  lrActor: notNegative,
  lrCritic: notNegative,
  lrSchedule: schedule,
  gamma: fraction,
  gaeLambda: fraction,
  rolloutSteps: counting,
  updateEpochs: counting,
  minibatchSize: [(x) => x === -1 || counting[0](x), 'a whole number of 1 or more, or -1 for the whole rollout'],
  epsClip: positive,
  epsClipSchedule: schedule,
  normalizeAdvantages: [(x) => typeof x === 'boolean', 'true or false'],
  valueClip: positiveOrNull,
  valueCoef: notNegative,
  entropyCoef: [finite, 'a number'],
  maxGradNorm: positiveOrNull,
  targetKl: positiveOrNull,
  adamEpsilon: positive,
};

/** A minibatch, all `[batch]`: what the policy says of it now, and what was known before. */
export interface LossRows extends Evaluation {
  readonly oldLogProbs: Tensor;
  readonly advantages: Tensor;
  /** `A + eps |A|`. */
  readonly limits: Tensor;
  readonly returns: Tensor;
  readonly oldValues: Tensor;
  /** Each row's share of the means: 1 / rows, or 0 for a row that only fills up the batch. */
  readonly weights: Tensor;
}

/** Equation 9, negated, for gradient descent; the value loss has a factor of 0.5. */
export function ppoLoss(
  rows: LossRows,
  { valueClip, valueCoef, entropyCoef }: Pick<ResolvedPPOConfig, 'valueClip' | 'valueCoef' | 'entropyCoef'>,
): Tensor {
  const { logProbs, entropies, values, oldLogProbs, advantages, limits, returns, oldValues, weights } = rows;
  const mean = (x: Tensor): Tensor => x.mul(weights).sum();

  // Equation 7: min(r A, clip(r, 1 - eps, 1 + eps) A) = min(r A, A + eps |A|); the second is `limits`.
  const ratio = logProbs.sub(oldLogProbs).exp();
  const surrogate = mean(ratio.mul(advantages).minimum(limits));

  let squaredErrors = values.sub(returns).square();
  if (valueClip !== null) {
    const clipped = oldValues.add(values.sub(oldValues).clip(-valueClip, valueClip));
    squaredErrors = squaredErrors.maximum(clipped.sub(returns).square());
  }
  const valueLoss = mean(squaredErrors).mul(0.5);

  return valueLoss.mul(valueCoef).sub(surrogate).sub(mean(entropies).mul(entropyCoef));
}

/** The arguments of a minibatch's program, in order. */
type Batch = readonly [
  observations: Tensor,
  actions: Tensor,
  oldLogProbs: Tensor,
  advantages: Tensor,
  limits: Tensor,
  returns: Tensor,
  oldValues: Tensor,
  weights: Tensor,
];

/** What a minibatch's program gives: `[batch]` each. Gradients it writes in place. */
type StepResults = {
  readonly logProbs: Tensor;
  readonly values: Tensor;
  readonly entropies: Tensor;
  readonly gradients: readonly Assignment[];
};

type BatchMemory = readonly [Float32Array, ActionRows, ...(readonly Float32Array[])] & {
  readonly [K in 2 | 3 | 4 | 5 | 6 | 7]: Float32Array;
};
type StepMemory = { readonly [K in 'logProbs' | 'values' | 'entropies']: Float32Array };

/** The algorithm: give it rollouts, and it improves the policy. */
export class PPO {
  readonly policy: ActorCriticPolicy;
  readonly config: ResolvedPPOConfig;
  readonly #generator: Generator;
  readonly #optimizer: Adam;
  readonly #learningRates: readonly number[];
  readonly #step: Compiled<Batch, StepResults>;
  readonly #bound = new Map<number, BoundProgram<StepResults>>();

  /** @param generator the stream that minibatches are shuffled with */
  constructor(policy: ActorCriticPolicy, config: ResolvedPPOConfig, { generator }: { readonly generator: Generator }) {
    this.policy = policy;
    this.config = config;
    this.#generator = generator;
    const actorParameters = new Set([...policy.actor.parameters(), ...policy.head.parameters()]);
    const trainable = policy.parameters().filter((parameter) => !parameter.frozen);
    const groups =
      config.lrActor === config.lrCritic
        ? [{ parameters: trainable, learningRate: config.lrActor }]
        : [
            { parameters: trainable.filter((p) => actorParameters.has(p)), learningRate: config.lrActor },
            { parameters: trainable.filter((p) => !actorParameters.has(p)), learningRate: config.lrCritic },
          ].filter(({ parameters }) => parameters.length > 0);
    this.#optimizer = new Adam(groups, { epsilon: config.adamEpsilon });
    this.#learningRates = groups.map(({ learningRate }) => learningRate);
    this.#step = compile((...batch: Batch) => this.#trace(batch, trainable), { threads: 1 });
  }

  /** The loss of a minibatch as a graph, and its gradients. */
  #trace(batch: Batch, trainable: readonly Parameter[]): StepResults {
    const [observations, actions, oldLogProbs, advantages, limits, returns, oldValues, weights] = batch;
    const evaluation = this.policy.evaluate(observations, actions);
    const loss = ppoLoss({ ...evaluation, oldLogProbs, advantages, limits, returns, oldValues, weights }, this.config);
    const { logProbs, values, entropies } = evaluation;
    return { logProbs, values, entropies, gradients: gradientAssignments(loss, trainable) };
  }

  /**
   * Improves the policy with a rollout that it has just made.
   *
   * @param progress how much of the run is over, 0 to 1, for schedules
   * @throws NonFiniteError if a loss or the gradients' norm is not finite; the weights are still good then.
   */
  async update(rollout: Rollout, { progress = 0 }: { readonly progress?: number } = {}): Promise<PPOMetrics> {
    const { config } = this;
    const values = this.#values(rollout);
    const { advantages, returns } = gae({ ...rollout, ...values }, config.gamma, config.gaeLambda);
    const left = Math.max(0, 1 - progress);
    const lrFactor = config.lrSchedule === 'linear' ? left : 1;
    const epsClip = config.epsClip * (config.epsClipSchedule === 'linear' ? left : 1);
    this.#optimizer.groups.forEach((group, i) => {
      group.learningRate = this.#learningRates[i]! * lrFactor;
    });

    const rows = Int32Array.from({ length: rollout.rows }, (_, row) => row).filter((row) => rollout.valid[row] === 1);
    const parts = config.minibatchSize !== -1 && config.minibatchSize < rollout.rows;
    const batchSize = parts ? config.minibatchSize : rollout.rows;
    const program = this.#programFor(parts ? batchSize : roundedUp(batchSize));
    const totals = new UpdateTotals();
    let epochs = 0;
    while (epochs < config.updateEpochs) {
      this.#generator.shuffle(rows);
      for (let first = 0; first < rows.length; first += batchSize) {
        const chosen = rows.subarray(first, first + batchSize);
        this.#minibatch(program, chosen, rollout, advantages, returns, values.values, epsClip, totals);
      }
      epochs++;
      if (config.targetKl !== null && totals.takeEpochKl() > config.targetKl) break;
    }
    return {
      ...totals.means(),
      explainedVariance: explainedVariance(values.values, returns, rollout.valid),
      learningRate: config.lrActor * lrFactor,
      epsClip,
      epochs,
    };
  }

  #values(rollout: Rollout): { values: Float32Array; nextValues: Float32Array; ended: Uint8Array } {
    const { policy } = this;
    const { rows, numEnvs, valid } = rollout;
    const values = policy.values(rollout.observations);
    const last = policy.values(rollout.nextObservations);
    const nextValues = new Float32Array(rows);
    nextValues.set(values.subarray(numEnvs));
    nextValues.set(last, rows - numEnvs);
    const ended = new Uint8Array(rows);
    for (let row = 0; row < rows; row++) {
      if (rollout.terminated[row]) nextValues[row] = 0;
      // A row on which an environment only reset itself stands between two episodes.
      ended[row] = rollout.terminated[row] || rollout.truncated[row] || !valid[row] ? 1 : 0;
    }
    const finalValues = policy.values(rollout.finalObservations);
    rollout.finalRows.forEach((row, i) => {
      nextValues[row] = finalValues[i]!;
    });
    return { values, nextValues, ended };
  }

  /** One gradient step on the given rows, as many as the program takes or fewer. */
  #minibatch(
    program: BoundProgram<StepResults>,
    rows: Int32Array,
    rollout: Rollout,
    advantages: Float32Array,
    returns: Float32Array,
    oldValues: Float32Array,
    epsClip: number,
    totals: UpdateTotals,
  ): void {
    const count = rows.length;
    const memory = program.arguments as BatchMemory;
    const [observations, actions, oldLogProbs, normalized, limits, targets, before, weights] = memory;
    copyRows(rollout.observations, this.policy.observationSize, rows, observations);
    copyRows(rollout.actions, this.policy.head.actionSize, rows, actions);
    const { mean, scale } = this.config.normalizeAdvantages ? standardizer(advantages, rows) : { mean: 0, scale: 1 };
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const advantage = (advantages[row]! - mean) * scale;
      oldLogProbs[i] = rollout.logProbs[row]!;
      normalized[i] = advantage;
      limits[i] = advantage + epsClip * Math.abs(advantage);
      targets[i] = returns[row]!;
      before[i] = oldValues[row]!;
      weights[i] = 1 / count;
    }
    if (count < weights.length) {
      // Fill up with copies of the first row, so that nothing stale comes in, and let them count for nothing.
      for (const column of memory) repeatFirstRow(column, column.length / weights.length, count);
      weights.fill(0, count);
    }
    program.run();
    const { logProbs, values, entropies } = program.results as unknown as StepMemory;
    const seen = { logProbs, values, entropies, oldLogProbs, advantages: normalized, limits };
    totals.add({ ...seen, returns: targets, oldValues: before }, count, epsClip, this.config.valueClip);
    const { gradNorm } = this.#optimizer.step({ maxGradNorm: this.config.maxGradNorm ?? Number.POSITIVE_INFINITY });
    totals.addGradNorm(gradNorm!);
  }

  #programFor(count: number): BoundProgram<StepResults> {
    let program = this.#bound.get(count);
    if (program === undefined) {
      const float = (...shape: number[]) => ({ shape, dtype: 'float32' as const });
      const { head, observationSize } = this.policy;
      const actions = { shape: [count, ...head.actionShape], dtype: head.actionType };
      const row = float(count);
      program = this.#step.bind(float(count, observationSize), actions, row, row, row, row, row, row);
      this.#bound.set(count, program);
    }
    return program;
  }

  /** The optimizer's moments and counters, for checkpoints. */
  stateDict(): OptimizerState {
    return this.#optimizer.stateDict();
  }

  loadStateDict(state: OptimizerState): void {
    this.#optimizer.loadStateDict(state);
  }
}

/**
 * A length of at least `rows`, of which there are eight between a power of two and the next: rollouts of many lengths then
 * share few programs.
 */
function roundedUp(rows: number): number {
  const unit = Math.max(1, 2 ** (Math.floor(Math.log2(rows)) - 3));
  return unit * Math.ceil(rows / unit);
}

/** Copies the first row of a matrix of `size` columns into all rows from `from` on. */
function repeatFirstRow(matrix: ActionRows, size: number, from: number): void {
  for (let start = from * size; start < matrix.length; start += size) matrix.copyWithin(start, 0, size);
}

/** Copies the chosen rows of a matrix of `size` columns, one after another. */
function copyRows(from: ActionRows, size: number, rows: Int32Array, to: ActionRows): void {
  let next = 0;
  for (let i = 0; i < rows.length; i++) {
    const start = rows[i]! * size;
    for (let k = 0; k < size; k++) to[next++] = from[start + k]!;
  }
}

/** The mean of the chosen values, and 1 / (their unbiased standard deviation + 1e-8). A single value is left alone. */
function standardizer(values: Float32Array, rows: Int32Array): { mean: number; scale: number } {
  const count = rows.length;
  if (count < 2) return { mean: 0, scale: 1 };
  let sum = 0;
  for (let i = 0; i < count; i++) sum += values[rows[i]!]!;
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < count; i++) squares += (values[rows[i]!]! - mean) ** 2;
  return { mean, scale: 1 / (Math.sqrt(squares / (count - 1)) + 1e-8) };
}
