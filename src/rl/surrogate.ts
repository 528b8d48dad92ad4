// The clipped surrogate objective, and gradient steps on it: what PPO and its critic-free successors share.

import { Adam, gradientAssignments, type OptimizerState, type Parameter, type StateOptions } from '../nn/index.ts';
import { type Assignment, type BoundProgram, compile, type Compiled } from '../runtime/index.ts';
import { sameShape, type Tensor, type TensorData, type Typed } from '../tensor/index.ts';
import type { Evaluation, Layout, Policy, Steps } from './policy.ts';
import {
  minibatchMeans,
  MOST_SKIPS,
  NonFiniteError,
  type NonFinitePolicy,
  type UpdateTotals,
} from './update-totals.ts';

/** What the objective and its optimizer are told. */
export interface SurrogateSettings {
  readonly lrActor: number;
  readonly lrCritic: number;
  /** Weight of the value loss; 0 leaves it out. */
  readonly valueCoef: number;
  readonly valueClip: number | null;
  /** Weight of the entropy bonus. */
  readonly entropyCoef: number;
  /** Weight of the divergence from a reference policy in the loss; 0 leaves it out. */
  readonly klCoef: number;
  readonly maxGradNorm: number | null;
  readonly adamEpsilon: number;
  readonly onNonFinite: NonFinitePolicy;
}

/** A minibatch, all `[entries]`: what the policy says of it now, and what was known before. */
export interface LossRows extends Evaluation {
  readonly oldLogProbs: Tensor;
  readonly advantages: Tensor;
  /** `A + eps |A|`. */
  readonly limits: Tensor;
  readonly returns: Tensor;
  readonly oldValues: Tensor;
  /** Log-probabilities of the reference policy. */
  readonly referenceLogProbs: Tensor;
  /** Each row's share of the sums: 1 / rows in a mean, and 0 for an entry that only fills up the batch. */
  readonly weights: Tensor;
}

type LossSettings = Pick<SurrogateSettings, 'valueClip' | 'valueCoef' | 'entropyCoef' | 'klCoef'>;

/** PPO's equation 9, negated, for gradient descent; the value loss has a factor of 0.5. */
export function surrogateLoss(rows: LossRows, settings: LossSettings): Tensor {
  const loss = policyLoss(rows, settings);
  return rows.values === undefined || settings.valueCoef === 0
    ? loss
    : valueLoss(rows, rows.values, settings).add(loss);
}

function valueLoss({ returns, oldValues, weights }: LossRows, values: Tensor, settings: LossSettings): Tensor {
  const { valueClip, valueCoef } = settings;
  let squaredErrors = values.sub(returns).square();
  if (valueClip !== null) {
    const clipped = oldValues.add(values.sub(oldValues).clip(-valueClip, valueClip));
    squaredErrors = squaredErrors.maximum(clipped.sub(returns).square());
  }
  return squaredErrors
    .mul(weights)
    .sum()
    .mul(0.5 * valueCoef);
}

function policyLoss(rows: LossRows, { entropyCoef, klCoef }: LossSettings): Tensor {
  const { logProbs, entropies, oldLogProbs, advantages, limits, weights } = rows;
  const mean = (x: Tensor): Tensor => x.mul(weights).sum();

  // Equation 7: min(r A, clip(r, 1 - eps, 1 + eps) A) = min(r A, A + eps |A|); the second is `limits`.
  const ratio = logProbs.sub(oldLogProbs).exp();
  let loss = mean(ratio.mul(advantages).minimum(limits)).neg();
  if (entropyCoef !== 0) loss = loss.sub(mean(entropies).mul(entropyCoef));
  if (klCoef !== 0) {
    // Schulman's k3 estimate of KL(policy, reference), as in GRPO: exp(d) - d - 1 with d = log reference - log policy.
    // Entries that do not count are left out: prompts may be so unlikely that their exp(d) overflows.
    const difference = weights.greater(0).where(rows.referenceLogProbs.sub(logProbs), 0);
    loss = loss.add(mean(difference.exp().sub(difference).sub(1)).mul(klCoef));
  }
  return loss;
}

/** What is known of each row of a rollout when the update begins. */
export interface RowTargets {
  readonly oldLogProbs: Float32Array;
  readonly advantages: Float32Array;
  /** What the critic learns; left out without one. */
  readonly returns?: Float32Array | undefined;
  readonly oldValues?: Float32Array | undefined;
  readonly referenceLogProbs?: Float32Array | undefined;
  /** Each row's weight in the loss. Default: 1. */
  readonly weights?: Float32Array | undefined;
  /** What each row adds to the number that a minibatch's weighted sum is divided by. Default: its weight, which gives a mean. */
  readonly divisors?: Float32Array | undefined;
}

/** How one minibatch is taken. */
export interface MinibatchOptions {
  /** How far a ratio may fall, for negative advantages. */
  readonly epsLow: number;
  /** How far a ratio may rise, for positive advantages. */
  readonly epsHigh: number;
  /** Normalise the minibatch's advantages to mean 0 and deviation 1. */
  readonly normalizeAdvantages: boolean;
}

/** What a minibatch's programs give: `[entries]` each. Gradients they write in place. */
interface StepResults {
  readonly [key: string]: Tensor | readonly Assignment[];
  readonly gradients: readonly Assignment[];
}

/** A part of the objective: what of the evaluation it tells, its loss, and what that trains. */
interface Part {
  readonly tells: readonly (keyof Evaluation)[];
  readonly parameters: readonly Parameter[];
  loss(rows: LossRows): Tensor;
}

/** The arguments after the policy's own, in order. */
const COLUMNS = [
  'oldLogProbs',
  'advantages',
  'limits',
  'returns',
  'oldValues',
  'referenceLogProbs',
  'weights',
] as const;
type Columns = { readonly [K in (typeof COLUMNS)[number]]: Float32Array };

/** What an algorithm remembers from one update to the next. */
export interface LearnerState extends OptimizerState {
  /** Steps that were left out since the last that was taken. Default 0. */
  readonly skipped?: number | undefined;
}

/** Gradient steps on the clipped surrogate, over any policy. */
export class SurrogateOptimizer<R extends Steps> {
  readonly #policy: Policy<R>;
  readonly #settings: SurrogateSettings;
  readonly #optimizer: Adam;
  readonly #learningRates: readonly number[];
  /** Steps that were left out since the last that was taken. */
  #skipped = 0;
  /** One for each part of the objective, which run side by side. */
  readonly #steps: readonly Compiled<Tensor[], StepResults>[];
  readonly #bound: { readonly types: readonly Typed[]; readonly programs: readonly BoundProgram<StepResults>[] }[] = [];

  constructor(policy: Policy<R>, settings: SurrogateSettings) {
    this.#policy = policy;
    this.#settings = settings;
    const { lrActor, lrCritic, adamEpsilon } = settings;
    const actor = new Set(policy.actorParameters());
    const trainable = policy.parameters().filter((parameter) => !parameter.frozen);
    const groups =
      lrActor === lrCritic
        ? [{ parameters: trainable, learningRate: lrActor }]
        : [
            { parameters: trainable.filter((parameter) => actor.has(parameter)), learningRate: lrActor },
            { parameters: trainable.filter((parameter) => !actor.has(parameter)), learningRate: lrCritic },
          ].filter(({ parameters }) => parameters.length > 0);
    this.#optimizer = new Adam(groups, { epsilon: adamEpsilon });
    this.#learningRates = groups.map(({ learningRate }) => learningRate);
    const parts = partsOf(policy, settings);
    // Programs of a thread each take less time side by side than one after the other with all threads.
    const threads = Math.max(1, Math.floor(policy.threads / parts.length));
    this.#steps = parts.map(({ tells, parameters, loss }) =>
      compile(
        (...args: Tensor[]): StepResults => {
          const inputs = args.slice(0, -COLUMNS.length);
          const columns = Object.fromEntries(COLUMNS.map((name, i) => [name, args[inputs.length + i]!]));
          const evaluation = policy.evaluateLayout(inputs);
          const told = tells.flatMap((name) => {
            const tensor = evaluation[name];
            return tensor === undefined ? [] : [[name, tensor] as const];
          });
          const rows = { ...evaluation, ...(columns as Omit<LossRows, keyof Evaluation>) };
          return { ...Object.fromEntries(told), gradients: gradientAssignments(loss(rows), parameters) };
        },
        { threads },
      ),
    );
  }

  /** Multiplies the learning rates for the steps to come. */
  scaleLearningRates(factor: number): void {
    this.#optimizer.groups.forEach((group, i) => {
      group.learningRate = this.#learningRates[i]! * factor;
    });
  }

  /** One gradient step. @throws NonFiniteError before a bad number reaches the weights, unless the step is to be skipped */
  async step(
    layout: Layout,
    targets: RowTargets,
    options: MinibatchOptions,
    totals: UpdateTotals,
    signal?: AbortSignal,
  ): Promise<void> {
    const programs = this.#programsFor(layout);
    const memory = programs[0]!.arguments;
    layout.fill(memory.slice(0, layout.types.length));
    const columns = columnsOf(memory, layout.types.length);
    fillColumns(columns, layout.rows, targets, options);
    if (this.#policy.threads === 1) for (const program of programs) program.run();
    else await allDone(programs.map((program) => program.runAsync(signal)));
    const told = Object.assign({}, ...programs.map(({ results }) => results)) as StepMemory;
    const { valueClip, maxGradNorm } = this.#settings;
    try {
      const minibatch = minibatchMeans({ ...columns, ...told }, options, valueClip);
      const { gradNorm } = this.#optimizer.step({ maxGradNorm: maxGradNorm ?? Number.POSITIVE_INFINITY });
      totals.add(minibatch, gradNorm!);
      this.#skipped = 0;
    } catch (error) {
      this.#skip(error);
      totals.addSkipped();
    }
  }

  /** @throws the error, unless it is a bad number that may be passed over */
  #skip(error: unknown): void {
    if (!(error instanceof NonFiniteError) || this.#settings.onNonFinite !== 'skip') throw error;
    if (this.#skipped === MOST_SKIPS) throw new NonFiniteError(error.metric, error.value, { skipped: this.#skipped });
    this.#skipped++;
  }

  /** Programs of one memory. */
  #programsFor({ types, rows }: Layout): readonly BoundProgram<StepResults>[] {
    const known = this.#bound.find((bound) => types.every((type, i) => sameType(type, bound.types[i]!)));
    if (known !== undefined) return known.programs;
    const column: Typed = { shape: [rows.length], dtype: 'float32' };
    const all = [...types, ...COLUMNS.map(() => column)];
    const programs: BoundProgram<StepResults>[] = [];
    for (const step of this.#steps) programs.push(step.program(...all).bind({ arguments: programs[0]?.arguments }));
    this.#bound.push({ types, programs });
    return programs;
  }

  /** The optimizer's moments and counters, for checkpoints. */
  stateDict(options?: StateOptions): LearnerState {
    return { ...this.#optimizer.stateDict(options), skipped: this.#skipped };
  }

  loadStateDict(state: LearnerState): void {
    this.#optimizer.loadStateDict(state);
    this.#skipped = state.skipped ?? 0;
  }
}

/** The objective in one part, or in that of the actor and that of the critic. */
function partsOf(policy: Policy<never>, settings: SurrogateSettings): readonly Part[] {
  const trainable = policy.parameters().filter(({ frozen }) => !frozen);
  if (policy.separateCritic !== true || settings.valueCoef === 0) {
    const tells = ['logProbs', 'entropies', 'values'] as const;
    return [{ tells, parameters: trainable, loss: (rows) => surrogateLoss(rows, settings) }];
  }
  const actor = new Set(policy.actorParameters());
  return [
    {
      tells: ['logProbs', 'entropies'],
      parameters: trainable.filter((parameter) => actor.has(parameter)),
      loss: (rows) => policyLoss(rows, settings),
    },
    {
      tells: ['values'],
      parameters: trainable.filter((parameter) => !actor.has(parameter)),
      loss: (rows) => valueLoss(rows, rows.values!, settings),
    },
  ];
}

/** Waits for all, and only then fails if one did: what has failed must not leave another at work. */
async function allDone(runs: readonly Promise<void>[]): Promise<void> {
  for (const run of await Promise.allSettled(runs)) if (run.status === 'rejected') throw run.reason;
}

function sameType(a: Typed, b: Typed): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

interface StepMemory {
  readonly logProbs: Float32Array;
  readonly entropies: Float32Array;
  readonly values?: Float32Array;
}

function columnsOf(memory: readonly TensorData[], first: number): Columns {
  return {
    oldLogProbs: memory[first] as Float32Array,
    advantages: memory[first + 1] as Float32Array,
    limits: memory[first + 2] as Float32Array,
    returns: memory[first + 3] as Float32Array,
    oldValues: memory[first + 4] as Float32Array,
    referenceLogProbs: memory[first + 5] as Float32Array,
    weights: memory[first + 6] as Float32Array,
  };
}

/** Brings what is known of the rows behind a layout's entries into the program's memory. */
function fillColumns(columns: Columns, rows: Int32Array, targets: RowTargets, options: MinibatchOptions): void {
  const { oldLogProbs, advantages, returns, oldValues, referenceLogProbs, weights, divisors = weights } = targets;
  const { epsLow, epsHigh } = options;
  const { mean, scale } = options.normalizeAdvantages ? standardizer(advantages, rows) : { mean: 0, scale: 1 };
  let total = 0;
  for (let i = 0; i < rows.length; i++) if (rows[i]! >= 0) total += divisors === undefined ? 1 : divisors[rows[i]!]!;
  const share = 1 / total;
  // Entries without a row repeat the first one's numbers and count for nothing, so that nothing stale comes in.
  const first = Math.max(0, rows.find((row) => row >= 0) ?? 0);
  for (let i = 0; i < rows.length; i++) {
    const known = rows[i]! >= 0;
    const row = known ? rows[i]! : first;
    const advantage = (advantages[row]! - mean) * scale;
    // No ratio of an entry without a row may overflow, since infinity times 0 is not a number.
    columns.oldLogProbs[i] = known ? oldLogProbs[row]! : Math.max(0, oldLogProbs[row]!);
    columns.advantages[i] = advantage;
    columns.limits[i] = advantage >= 0 ? (1 + epsHigh) * advantage : (1 - epsLow) * advantage;
    columns.weights[i] = known ? share * (weights === undefined ? 1 : weights[row]!) : 0;
    if (returns !== undefined) columns.returns[i] = returns[row]!;
    if (oldValues !== undefined) columns.oldValues[i] = oldValues[row]!;
    if (referenceLogProbs !== undefined) columns.referenceLogProbs[i] = referenceLogProbs[row]!;
  }
}

/** The mean of the chosen values, and 1 / (their unbiased standard deviation + 1e-8). A single value is left alone. */
function standardizer(values: Float32Array, rows: Int32Array): { mean: number; scale: number } {
  let [count, sum] = [0, 0];
  for (let i = 0; i < rows.length; i++) {
    if (rows[i]! < 0) continue;
    count++;
    sum += values[rows[i]!]!;
  }
  if (count < 2) return { mean: 0, scale: 1 };
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < rows.length; i++) if (rows[i]! >= 0) squares += (values[rows[i]!]! - mean) ** 2;
  return { mean, scale: 1 / (Math.sqrt(squares / (count - 1)) + 1e-8) };
}
