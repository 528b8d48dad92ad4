// The optimizer steps of a run over a dataset: learning rate, dropout, gradients, and what is done with numbers that are not finite.

import type { PretrainedModel } from '../lm/index.ts';
import { AdamW, constantSchedule, cosineSchedule, Dropout, linearSchedule } from '../nn/index.ts';
import { Generator, SeedSequence } from '../random/index.ts';
import { MOST_SKIPS, NonFiniteError } from '../rl/index.ts';
import type { ExampleSettings } from './example-settings.ts';
import type { ExampleMetrics, ExampleTask } from './example-task.ts';
import type { Sized } from './length-buckets.ts';
import { trainedParameters } from './training-files.ts';

const ADVICE = 'a learning rate that is too high (try a tenth of it, and warmupSteps)';

/** What a step tells. */
interface TakenStep {
  readonly metrics: ExampleMetrics;
  /** Tokens read. */
  readonly tokens: number;
}

/** Takes the steps of a run. */
export class ExampleSteps<Row extends Sized> {
  readonly optimizer: AdamW;
  /** Steps that the optimizer has left out since the last that it took. */
  skipped = 0;
  readonly #task: ExampleTask<Row>;
  readonly #settings: ExampleSettings;
  readonly #totalSteps: number;
  readonly #dropouts: readonly Generator[];

  /** @param totalSteps for the schedule */
  constructor(task: ExampleTask<Row>, settings: ExampleSettings, totalSteps: number) {
    this.#task = task;
    this.#settings = settings;
    this.#totalSteps = totalSteps;
    const { learningRate, weightDecay } = settings;
    const parameters = [...trainedParameters(task.model).values()];
    const groups = [
      { parameters: parameters.filter(({ shape }) => shape.length > 1), weightDecay },
      { parameters: parameters.filter(({ shape }) => shape.length <= 1), weightDecay: 0 },
    ].filter((group) => group.parameters.length > 0);
    this.optimizer = new AdamW(groups, { learningRate });
    this.#dropouts = dropoutsOf(task.model);
  }

  /**
   * Learns from rows.
   *
   * @param step how many came before
   * @throws NonFiniteError, with the weights as before, unless the step may be left out
   */
  async take(rows: readonly Row[], step: number, signal: AbortSignal | undefined): Promise<TakenStep> {
    const { gradientAccumulation, maxGradNorm, seed } = this.#settings;
    if (gradientAccumulation > 1) this.optimizer.zeroGrad();
    for (const [i, generator] of this.#dropouts.entries()) generator.state = streamOf(seed, i, step).state;
    const { metrics, tokens } = await this.#task.learn(rows, signal);
    const learningRate = this.#schedule(step);
    let gradNorm = Number.NaN;
    let skippedSteps = 0;
    if (Number.isFinite(metrics.loss)) {
      gradNorm = this.optimizer.step({ maxGradNorm: maxGradNorm ?? Number.POSITIVE_INFINITY }).gradNorm!;
    }
    if (Number.isFinite(gradNorm)) {
      this.skipped = 0;
    } else {
      this.#skip(metrics.loss, gradNorm);
      skippedSteps = 1;
    }
    return { metrics: { ...metrics, learningRate, gradNorm, skippedSteps }, tokens };
  }

  dispose(): void {
    this.optimizer.dispose();
  }

  /** @throws NonFiniteError, unless the optimizer may leave a step out */
  #skip(loss: number, gradNorm: number): void {
    if (this.#settings.onNonFinite === 'stop' || this.skipped === MOST_SKIPS) {
      const [metric, value] = Number.isFinite(loss) ? (['gradNorm', gradNorm] as const) : (['loss', loss] as const);
      throw new NonFiniteError(metric, value, { skipped: this.skipped, cause: ADVICE });
    }
    this.skipped++;
  }

  /** Sets the learning rate of a step. */
  #schedule(step: number): number {
    const { lrSchedule, warmupSteps, learningRate } = this.#settings;
    const schedule = { constant: constantSchedule, linear: linearSchedule, cosine: cosineSchedule }[lrSchedule];
    const factor = schedule(step, { warmupSteps, totalSteps: this.#totalSteps });
    this.optimizer.setLearningRates(factor);
    return learningRate * factor;
  }
}

/** The random numbers of an epoch, or of the dropout of a step, follow from its number, so that a run can go on in the middle. */
export function streamOf(seed: number, ...spawnKey: number[]): Generator {
  return new Generator(new SeedSequence(seed, { spawnKey }));
}

/** The random streams of a model's dropout, such as an adapter's. */
function dropoutsOf(model: PretrainedModel): Generator[] {
  const layers = model.modules().filter((module) => module instanceof Dropout && module.p > 0) as Dropout[];
  return [...new Set(layers.map(({ generator }) => generator))];
}
