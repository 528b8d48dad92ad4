// What all optimizers share: parameters in flat memory, swept in blocks that stay in cache, by one compiled elementwise
// program that writes in place. Numbers that change from step to step enter as scalars.

import { type BoundProgram, type Compiled, compile } from '../../runtime/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { FlatParameters } from '../flat.ts';
import { Parameter } from '../parameter.ts';
import { copyState, type Float32State, loadState, type StateDict } from '../state-dict.ts';

/** Floats swept at once: few enough that weights, gradients, moments and what lies between stay in cache. */
const BLOCK = 32 * 1024;

/** Parameters with settings of their own; what is left out comes from the optimizer's options. */
export interface ParameterGroupOptions {
  readonly parameters: Iterable<Parameter> | FlatParameters;
  readonly learningRate?: number | undefined;
  readonly weightDecay?: number | undefined;
}

/** What an optimizer may be made over: parameters, parameters already flat, or groups of them. */
export type OptimizerTarget = Iterable<Parameter> | FlatParameters | Iterable<ParameterGroupOptions>;

/** A group as the optimizer holds it. */
export interface ParameterGroup {
  /** The group's parameters and gradients, in one piece of memory. */
  readonly flat: FlatParameters;
  /** The next step's. May be set between steps; {@link Optimizer.setLearningRates} sets those of all groups. */
  learningRate: number;
  readonly initialLearningRate: number;
  readonly weightDecay: number;
}

/** An optimizer's whole state: numbers for JSON, moments for safetensors. */
export interface OptimizerState {
  /** Steps done. */
  readonly stepCount: number;
  readonly learningRates: readonly number[];
  /** By group, parameter and moment, as `groups.0.parameters.3.expAvg`. */
  readonly moments: StateDict;
}

/** Options of {@link Optimizer.stateDict}. */
export interface StateOptions {
  /** Default true. */
  readonly copy?: boolean | undefined;
}

/** Options of {@link Optimizer.step}. */
export interface StepOptions {
  /**
   * Scales the gradients of all groups, taken together, down to this norm, as torch.nn.utils.clip_grad_norm_.
   * Infinity only measures. Default: no clipping.
   */
  readonly maxGradNorm?: number | undefined;
}

/** What one step of an optimizer computes for each element, and the numbers that it needs. */
export interface UpdateRule {
  /** Names of the moments kept for each element. */
  readonly moments: readonly string[];
  /** How many scalars change from step to step. */
  readonly scalarCount: number;
  /** Traced once: the new weights and moments. */
  update(weights: Tensor, gradient: Tensor, moments: readonly Tensor[], scalars: readonly Tensor[]): readonly Tensor[];
  /** Writes the scalars of step `step` (1 is the first); `clip` is what gradients are to be multiplied by. */
  setScalars(scalars: Float32Array, step: number, learningRate: number, clip: number): void;
}

/** Base of the optimizers. */
export abstract class Optimizer {
  readonly groups: readonly ParameterGroup[];
  readonly #sweeps: readonly GroupSweep[];
  #stepCount = 0;
  /** Views of memory that stays where it is. */
  #momentsByName: Float32State | undefined;

  protected constructor(
    target: OptimizerTarget,
    defaults: { readonly learningRate: number; readonly weightDecay: number },
    ruleFor: (weightDecay: number) => UpdateRule,
  ) {
    const groups = groupsOf(target).map(({ parameters, learningRate, weightDecay }) => ({
      flat: parameters instanceof FlatParameters ? parameters : new FlatParameters(parameters),
      learningRate: learningRate ?? defaults.learningRate,
      initialLearningRate: learningRate ?? defaults.learningRate,
      weightDecay: weightDecay ?? defaults.weightDecay,
    }));
    const seen = new Set<Parameter>();
    for (const { flat, learningRate, weightDecay } of groups) {
      checkSetting('learningRate', learningRate);
      checkSetting('weightDecay', weightDecay);
      for (const parameter of flat.parameters) {
        if (seen.has(parameter)) throw new Error(`${parameter} is in two groups of one optimizer: leave it in one`);
        seen.add(parameter);
      }
    }
    if (seen.size === 0) {
      throw new Error(`${this.constructor.name} was given no parameters to train: none at all, or all are frozen`);
    }
    this.groups = groups;
    this.#sweeps = groups.map((group) => new GroupSweep(group, ruleFor(group.weightDecay)));
  }

  /** Steps done so far. */
  get stepCount(): number {
    return this.#stepCount;
  }

  /** Sets each group's learning rate to the one it began with times `factor`: what a schedule gives. */
  setLearningRates(factor: number): void {
    for (const group of this.groups) group.learningRate = group.initialLearningRate * factor;
  }

  /**
   * Changes the parameters in place by their gradients.
   *
   * @returns the norm of all gradients together before clipping, if `maxGradNorm` was given. If it is not finite, nothing
   *   has been changed.
   * @throws Error if parameters have been moved to other memory since, as a second optimizer over them does.
   */
  step({ maxGradNorm }: StepOptions = {}): { readonly gradNorm: number | undefined } {
    for (const sweep of this.#sweeps) sweep.check();
    let gradNorm: number | undefined;
    let clip = 1;
    if (maxGradNorm !== undefined) {
      if (!(maxGradNorm > 0)) throw new RangeError(`maxGradNorm is ${maxGradNorm}, but must be above 0`);
      let sum = 0;
      for (const sweep of this.#sweeps) sum += sweep.sumOfSquares();
      gradNorm = Math.sqrt(sum);
      if (!Number.isFinite(gradNorm)) return { gradNorm };
      clip = Math.min(1, maxGradNorm / (gradNorm + 1e-6));
    }
    this.#stepCount++;
    for (const sweep of this.#sweeps) sweep.update(this.#stepCount, clip);
    return { gradNorm };
  }

  /** Sets all gradients to 0, before gradients are accumulated. */
  zeroGrad(): void {
    for (const { flat } of this.groups) flat.gradients.fill(0);
  }

  /**
   * The state. Default: a copy, which further steps do not change; with `copy: false` the moments themselves, for who writes them away
   * before the next step and need not have the memory twice.
   */
  stateDict({ copy = true }: StateOptions = {}): OptimizerState {
    return {
      stepCount: this.#stepCount,
      learningRates: this.groups.map(({ learningRate }) => learningRate),
      moments: copy ? copyState(this.#moments()) : this.#moments(),
    };
  }

  /**
   * Takes over the state of an optimizer of the same kind over the same parameters; the next steps equal those that it
   * would have taken.
   *
   * @throws Error that lists every missing, extra and misshapen moment; nothing is loaded then.
   */
  loadStateDict({ stepCount, learningRates, moments }: OptimizerState): void {
    const problems: string[] = [];
    if (!Number.isInteger(stepCount) || stepCount < 0) problems.push(`stepCount is ${stepCount}, no count of steps`);
    if (learningRates.length !== this.groups.length) {
      problems.push(`there are learning rates for ${learningRates.length} groups, not ${this.groups.length}`);
    }
    loadState(this.constructor.name, this.#moments(), moments, { problems });
    this.#stepCount = stepCount;
    this.groups.forEach((group, i) => {
      group.learningRate = learningRates[i]!;
    });
  }

  /** Frees the native programs; parameters keep their values. */
  dispose(): void {
    for (const sweep of this.#sweeps) sweep.dispose();
  }

  #moments(): Float32State {
    if (this.#momentsByName !== undefined) return this.#momentsByName;
    const state: Float32State = new Map();
    this.#momentsByName = state;
    this.#sweeps.forEach(({ rule, flat, moments }, g) => {
      flat.parameters.forEach(({ shape }, p) => {
        rule.moments.forEach((name, m) => {
          state.set(`groups.${g}.parameters.${p}.${name}`, { shape, data: flat.view(moments[m]!, p) });
        });
      });
    });
    return state;
  }
}

/** @throws RangeError unless `value` is a finite number of 0 or more. */
export function checkSetting(name: string, value: number, below = Number.POSITIVE_INFINITY): void {
  if (!(value >= 0 && value < below)) {
    throw new RangeError(`${name} is ${value}, but must be 0 or more${below < Infinity ? ` and below ${below}` : ''}`);
  }
}

function groupsOf(target: OptimizerTarget): ParameterGroupOptions[] {
  if (target instanceof FlatParameters) return [{ parameters: target }];
  const items: readonly (Parameter | ParameterGroupOptions)[] = [...target];
  const parameters = items.filter((item): item is Parameter => item instanceof Parameter);
  const groups = items.filter((item): item is ParameterGroupOptions => !(item instanceof Parameter));
  if (parameters.length > 0 && groups.length > 0) {
    throw new Error('an optimizer takes parameters or groups of them, but was given both: put all into groups');
  }
  return groups.length > 0 ? groups : [{ parameters }];
}

/** One group's memory, and the programs bound to its blocks. */
class GroupSweep {
  readonly rule: UpdateRule;
  readonly flat: FlatParameters;
  readonly moments: readonly Float32Array[];
  readonly #group: ParameterGroup;
  readonly #scalars: Float32Array;
  readonly #compiled: readonly Compiled<Tensor[], readonly Tensor[]>[];
  readonly #updates: BoundProgram<readonly Tensor[]>[] = [];
  readonly #squares: BoundProgram<readonly Tensor[]>[] = [];
  readonly #sums: Float32Array;

  constructor(group: ParameterGroup, rule: UpdateRule) {
    this.#group = group;
    this.rule = rule;
    const { weights, gradients } = group.flat;
    this.flat = group.flat;
    this.moments = rule.moments.map(() => group.flat.allocate());
    this.#scalars = new Float32Array(new ArrayBuffer(4 * rule.scalarCount));
    const scalars = Array.from(this.#scalars, (_, i) => this.#scalars.subarray(i, i + 1));
    const count = this.moments.length;
    const update = compile(
      (...[w, g, ...rest]: Tensor[]) => rule.update(w!, g!, rest.slice(0, count), rest.slice(count)),
      { threads: 1 },
    );
    const square = compile((g: Tensor) => [g.matmul(g, { transposeB: true })] as readonly Tensor[], { threads: 1 });
    this.#compiled = [update, square as unknown as Compiled<Tensor[], readonly Tensor[]>];
    this.#sums = new Float32Array(new ArrayBuffer(4 * Math.ceil(weights.length / BLOCK)));
    for (let start = 0, i = 0; start < weights.length; start += BLOCK, i++) {
      const block = (memory: Float32Array): Float32Array => memory.subarray(start, start + BLOCK);
      const size = block(weights).length;
      const flat = { shape: [size], dtype: 'float32' } as const;
      const scalar = { shape: [], dtype: 'float32' } as const;
      const changed = [weights, ...this.moments].map(block);
      this.#updates.push(
        update.program(flat, flat, ...this.moments.map(() => flat), ...scalars.map(() => scalar)).bind({
          arguments: [changed[0]!, block(gradients), ...changed.slice(1), ...scalars],
          outputs: changed,
        }),
      );
      this.#squares.push(
        square
          .program({ shape: [1, size], dtype: 'float32' })
          .bind({ arguments: [block(gradients)], outputs: [this.#sums.subarray(i, i + 1)] }),
      );
    }
  }

  check(): void {
    const moved = this.flat.moved();
    if (moved === undefined) return;
    throw new Error(
      `${moved} is no longer in this optimizer's memory: another optimizer or FlatParameters has taken it since. ` +
        'Make one FlatParameters and give it to both',
    );
  }

  /** The sum of all squared gradients. */
  sumOfSquares(): number {
    let sum = 0;
    for (let i = 0; i < this.#squares.length; i++) {
      this.#squares[i]!.run();
      sum += this.#sums[i]!;
    }
    return sum;
  }

  update(step: number, clip: number): void {
    this.rule.setScalars(this.#scalars, step, this.#group.learningRate, clip);
    for (let i = 0; i < this.#updates.length; i++) this.#updates[i]!.run();
  }

  dispose(): void {
    for (const bound of [...this.#updates, ...this.#squares]) bound.release();
    for (const compiled of this.#compiled) compiled.dispose();
  }
}
