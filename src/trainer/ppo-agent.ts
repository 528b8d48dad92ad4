// A trained agent: it decides, it can be saved, and it can be loaded.

import { Box, type Dtype, type Space } from '../env/index.ts';
import { mismatch, shown } from '../env/space-mismatch.ts';
import { RunningMeanStd } from '../env/wrappers/running-mean-std.ts';
import { uninitialized } from '../nn/index.ts';
import { defaultRng, type Generator } from '../random/index.ts';
import { ActorCriticPolicy, type ActionRows, type Network } from '../rl/index.ts';
import { type Checkpoint, type CheckpointDetails, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { CheckpointError } from './errors.ts';
import { buildNetwork, weightCount } from './networks.ts';
import { spaceFromJson } from './space-json.ts';

/** How to choose. */
export interface SelectOptions {
  /** Whether to take the likeliest action rather than to draw one. Default false. */
  readonly deterministic?: boolean | undefined;
}

/** Anything that acts in many environments at once. {@link PPOAgent} is one. */
export interface Agent {
  /** Observations of `numEnvs` environments as a vector environment gives them; actions as it takes them. */
  selectActions(observations: unknown, numEnvs: number, options?: SelectOptions): unknown;
}

/** Options of {@link PPOAgent}. */
export interface PPOAgentOptions {
  readonly policy: ActorCriticPolicy;
  /** The space of observations as environments give them, before normalisation. */
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  /** What a checkpoint of this agent says besides its weights. */
  readonly details: () => Pick<Checkpoint, 'details' | 'moments'>;
  /** How observations are normalised; null if they are not. */
  readonly observationNormalizer: { readonly rms: RunningMeanStd; readonly epsilon: number } | null;
  /** Draws actions. Default: seeded by the operating system. */
  readonly generator?: Generator | undefined;
}

/** A policy with all that is needed to act in an environment: normalisation, and the way between rows and actions. */
export class PPOAgent implements Agent {
  readonly policy: ActorCriticPolicy;
  /** The space of observations as environments give them. */
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly #details: PPOAgentOptions['details'];
  readonly #normalizer: PPOAgentOptions['observationNormalizer'];
  readonly #generator: Generator;
  /** Memory for a decision about so many environments. */
  readonly #rows = new Map<number, Rows>();

  constructor(options: PPOAgentOptions) {
    this.policy = options.policy;
    this.observationSpace = options.observationSpace;
    this.actionSpace = options.actionSpace;
    this.#details = options.details;
    this.#normalizer = options.observationNormalizer;
    this.#generator = options.generator ?? defaultRng();
  }

  /** How it was trained: environment, configuration, counters. */
  get details(): CheckpointDetails {
    return this.#details().details;
  }

  /**
   * An action for one observation, both as a single environment has them.
   *
   * @throws TypeError for an observation that is not of the form that this agent was trained on
   */
  selectAction(observation: unknown, { deterministic = false }: SelectOptions = {}): unknown {
    expectObservation(this.observationSpace, observation);
    const rows = this.#rowsFor(1);
    if (this.#normalizer === null) this.policy.encodeOne(observation, rows.observations);
    else rows.observations.set(this.#normalized(observation));
    this.#act(rows, deterministic);
    return this.policy.head.environmentAction(rows.actions, 0);
  }

  /** Actions for the observations of `numEnvs` environments, as {@link Agent.selectActions} says. */
  selectActions(observations: unknown, numEnvs: number, { deterministic = false }: SelectOptions = {}): ActionRows {
    const space = this.observationSpace;
    if (space instanceof Box) expectLength(space, observations, numEnvs);
    const rows = this.#rowsFor(numEnvs);
    if (this.#normalizer === null) this.policy.encode(observations, numEnvs, rows.observations);
    else rows.observations.set(this.#normalized(observations));
    this.#act(rows, deterministic);
    return this.policy.head.environmentActions(rows.actions, 0, numEnvs);
  }

  /** Saves this agent as a checkpoint, over one that is there. `loadPPOAgent` reads it. */
  save(path: string): void {
    writeCheckpoint(path, { ...this.#details(), model: this.policy.stateDict() });
  }

  #act({ observations, actions, logProbs }: Rows, deterministic: boolean): void {
    this.policy.act(observations, actions, logProbs, 0, deterministic ? null : this.#generator);
  }

  #normalized(observations: unknown): Float32Array {
    const { rms, epsilon } = this.#normalizer!;
    return rms.normalize(observations as ArrayLike<number>, epsilon);
  }

  #rowsFor(count: number): Rows {
    let rows = this.#rows.get(count);
    if (rows === undefined) {
      const { head, observationSize } = this.policy;
      const length = count * head.actionSize;
      rows = {
        observations: new Float32Array(count * observationSize),
        actions: head.actionType === 'int32' ? new Int32Array(length) : new Float32Array(length),
        logProbs: new Float32Array(count),
      };
      this.#rows.set(count, rows);
    }
    return rows;
  }
}

/** Bounds are not looked at: an environment may leave them, and a network takes any number. */
function expectObservation(space: Space, observation: unknown): void {
  if (space instanceof Box) return expectLength(space, observation, 1);
  const found = mismatch(space, observation);
  if (found === undefined || found.outOfBounds) return;
  throw new TypeError(`this agent observes ${space}, but was given ${shown(observation)}: ${found.reason}`);
}

function expectLength(space: Box<Dtype>, observations: unknown, count: number): void {
  const length = space.low.length * count;
  if (typeof observations === 'object' && (observations as ArrayLike<number> | null)?.length === length) return;
  const wanted = count === 1 ? `${length} numbers` : `${count} times ${space.low.length} numbers`;
  throw new TypeError(`this agent observes ${space}: ${wanted}, but was given ${shown(observations)}`);
}

interface Rows {
  readonly observations: Float32Array;
  readonly actions: ActionRows;
  readonly logProbs: Float32Array;
}

/** Options of {@link loadPPOAgent}. */
export interface LoadPPOAgentOptions {
  /** A network of the shape that was trained; its weights are replaced. Needed only where it is none of ours. */
  readonly actor?: Network | undefined;
  /** As `actor`. */
  readonly critic?: Network | undefined;
  /** Makes drawn actions repeatable. */
  readonly seed?: number | undefined;
}

/**
 * The agent of a checkpoint. Networks of ours are built as they were; pass others, freshly made.
 *
 * @throws CheckpointError naming the file, what is wrong and what to do, if the checkpoint is damaged, not ours, or does not
 *   fit the given networks
 */
export function loadPPOAgent(path: string, { actor, critic, seed }: LoadPPOAgentOptions = {}): PPOAgent {
  const checkpoint = readCheckpoint(path);
  const { details, model, moments } = checkpoint;
  const { normalizers } = details;
  const observationSpace = attempt(path, 'observationSpace', () => spaceFromJson(details.observationSpace));
  const actionSpace = attempt(path, 'actionSpace', () => spaceFromJson(details.actionSpace));
  const policy = attempt(path, 'networks', () => {
    return new ActorCriticPolicy({
      observationSpace,
      actionSpace,
      actor: actor ?? rebuilt(path, checkpoint, 'actor'),
      critic: critic ?? (hasCritic(model) ? rebuilt(path, checkpoint, 'critic') : undefined),
    });
  });
  attempt(path, 'model.safetensors', () => policy.loadStateDict(model));
  const observationNormalizer = attempt(path, 'normalizers', () =>
    normalizers.observation === null ? null : restoredNormalizer(normalizers.observation, observationSpace),
  );
  return new PPOAgent({
    policy,
    observationSpace,
    actionSpace,
    details: () => ({ details, moments }),
    observationNormalizer,
    generator: defaultRng(seed),
  });
}

/** Not every algorithm has one. */
function hasCritic(model: Checkpoint['model']): boolean {
  return [...model.keys()].some((name) => name.startsWith('critic.'));
}

/** The network that a checkpoint describes. Its weights come from the file, which must hold as many: memory is not taken on a word. */
function rebuilt(path: string, { details, model }: Checkpoint, which: 'actor' | 'critic'): Network {
  const description = details.networks[which];
  if (description === null) {
    throw new CheckpointError(
      path,
      `its ${which} is a network of its own kind, which the checkpoint cannot build: pass { ${which} }, made as for training`,
    );
  }
  const described = weightCount(description);
  let stored = 0;
  for (const [name, { data }] of model) if (name.startsWith(`${which}.`)) stored += data.length;
  if (described > stored) {
    throw new CheckpointError(
      path,
      `its ${which} has ${described} weights, but model.safetensors holds ${stored} of it`,
    );
  }
  return uninitialized(() => buildNetwork(description, which === 'actor'));
}

function restoredNormalizer(
  { rms, epsilon }: NonNullable<CheckpointDetails['normalizers']['observation']>,
  { dtype }: Space,
): { rms: RunningMeanStd; epsilon: number } {
  const restored = new RunningMeanStd({ size: rms.mean.length, dtype: dtype === 'float32' ? 'float32' : 'float64' });
  restored.state = rms;
  return { rms: restored, epsilon };
}

function attempt<T>(path: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(path, `its ${what} cannot be used: ${(error as Error).message}`, { cause: error });
  }
}
