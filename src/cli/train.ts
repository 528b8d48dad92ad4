// `gymformer train`: from a recipe to a trained agent, with what happens on the screen.

import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EnvError, findSpec, flatdim, make, registry } from '../env/index.ts';
import { SeedSequence } from '../random/index.ts';
import { actionHeadFor, MLPActorNetwork, MLPCriticNetwork, resolvePPOConfig } from '../rl/index.ts';
import { defaultRunDirectory, readRun } from '../tracking/index.ts';
import { type EvaluationResult, evaluatePolicy, trainAgent, type TrainResult } from '../trainer/index.ts';
import { OtherRunError } from '../trainer/errors.ts';
import { CliError, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE } from './cli-error.ts';
import { dashboardBeside, folderOfRun } from './dashboard.ts';
import { counted, duration, figure, grouped } from './format.ts';
import { ourCommand } from './our-command.ts';
import { parseOverrides } from './overrides.ts';
import { agentProgress } from './progress.ts';
import { kindOfRecipe, readRecipe, recipeForEnv } from './recipe.ts';
import type { Recipe } from './recipe-schema.ts';
import { recipeOfRun, type Resumed, resumed, writeRecipe } from './resume.ts';
import { Screen, type ScreenFlags } from './screen.ts';
import { trackersFor } from './tracking-schema.ts';

/** Flags of `gymformer train`. */
export interface TrainFlags extends ScreenFlags {
  /** A run to go on with, or a checkpoint to go on from. */
  readonly resume?: string | undefined;
  /** Show the run in a browser while it learns. */
  readonly dashboard?: boolean | undefined;
}

/**
 * Trains by a recipe of any kind, or on an environment, and returns the exit code.
 *
 * @param target undefined for the recipe of the run that `flags.resume` names
 */
export async function train(target: string | undefined, words: readonly string[], flags: TrainFlags): Promise<number> {
  const from = flags.resume === undefined ? undefined : resumed(flags.resume);
  if (target === undefined && from === undefined) {
    throw new CliError('Give a recipe, the id of an environment, or --resume <run>', EXIT_USAGE);
  }
  if (from === undefined) return run(target!, words, flags, from);
  if (target === undefined && words.length === 0 && (await toldFinished(from, flags))) return 0;
  try {
    return await run(target ?? recipeOfRun(from.run), withSeedOf(from, words), flags, from);
  } catch (error) {
    if (!(error instanceof OtherRunError)) throw error;
    const recipe = target === undefined ? '' : 'the recipe and ';
    throw new CliError(
      `--resume ${flags.resume}: ${error.changes.join(', ')}. A run goes on as it began: leave ${recipe}such options out ` +
        `(\`${ourCommand()} train --resume ${from.run}\`). To train otherwise, begin a new run, without --resume`,
      EXIT_USAGE,
      { cause: error },
    );
  }
}

/** Tells of a run of several stages that it has come to its end, if so. */
async function toldFinished({ run, checkpoint }: Resumed, flags: ScreenFlags): Promise<boolean> {
  const kind = checkpoint === undefined ? kindOfRecipe(recipeOfRun(run)) : 'agent';
  if (kind !== 'reasoning' && kind !== 'rlhf') return false;
  const { summary } = await readRun(run);
  if (summary?.['stoppedBy'] !== 'end') return false;
  const screen = new Screen(flags);
  const longer =
    kind === 'reasoning' ? `Train it longer: ${ourCommand()} train --resume ${run} --rl.maxEpisodes <more>` : '';
  screen.say(`This run is finished; nothing to do. What it has made is in ${run}.${longer && `\n${longer}`}`);
  screen.result(summary);
  return true;
}

/** The words that a run goes on with. It keeps its seed, also where its recipe has another. */
function withSeedOf({ run, seed }: Resumed, words: readonly string[]): readonly string[] {
  if (seed === undefined) return words;
  const given = parseOverrides(words).find(({ path }) => path.join('.') === 'seed');
  if (given === undefined) return [...words, '--seed', String(seed)];
  if (given.value === seed) return words;
  throw new CliError(
    `--seed ${String(given.value)}: the run ${run} began with seed ${seed}, and keeps it: leave --seed out. ` +
      'For another seed, begin a new run, without --resume',
    EXIT_USAGE,
  );
}

/** Runs a recipe, or trains on an environment. */
async function run(
  what: string,
  words: readonly string[],
  flags: TrainFlags,
  from: Resumed | undefined,
): Promise<number> {
  if (flags.dashboard === true) {
    // Where a run goes on is where it is.
    const where = from === undefined ? words : ['--runDirectory', from.run, ...words];
    const folder = folderOfRun(isRecipe(what) ? recipePath(what) : null, where);
    await dashboardBeside(folder, (line) => console.error(line));
  }
  if (!isRecipe(what)) return trainOnEnv(what, words, flags, from);
  const path = recipePath(what);
  const kind = kindOfRecipe(path);
  switch (kind) {
    case 'sft':
      return (await import('./sft.ts')).sft(path, [...words, ...resumeWords(from)], flags);
    case 'reward':
      return (await import('./reward.ts')).reward(path, [...words, ...resumeWords(from)], flags);
    case 'dpo':
      return (await import('./dpo.ts')).dpo(path, [...words, ...resumeWords(from)], flags);
    case 'reasoning':
      return (await import('./reasoning.ts')).trainReasoning(
        path,
        [...words, ...stagedWords(from)],
        flags,
        from !== undefined,
      );
    case 'rlhf':
      return (await import('./rlhf.ts')).trainRlhf(path, [...words, ...stagedWords(from)], flags, from !== undefined);
    default:
      return trainOnEnv(path, words, flags, from);
  }
}

/** For recipes that have a key for it. */
function resumeWords(from: Resumed | undefined): string[] {
  return from === undefined ? [] : ['--resume', from.checkpoint ?? from.run];
}

/** A run of several stages goes on where it is. */
function stagedWords(from: Resumed | undefined): string[] {
  if (from === undefined) return [];
  if (from.checkpoint === undefined) return ['--runDirectory', from.run];
  throw new CliError(
    `--resume ${from.checkpoint}: it is of one stage of the run ${from.run}. Give that, which goes on from the latest checkpoint`,
  );
}

async function trainOnEnv(
  target: string,
  words: readonly string[],
  flags: TrainFlags,
  from: Resumed | undefined,
): Promise<number> {
  const overrides = parseOverrides(words);
  const given = isRecipe(target) ? readRecipe(recipePath(target), overrides) : recipeForEnv(target, overrides);
  const recipe = { ...given, env: knownId(given.env) };
  const seed = recipe.seed ?? new SeedSequence().generateState(1)[0]!;
  const own = from?.checkpoint === undefined ? from?.run : undefined;
  const { runDirectory = own ?? defaultRunDirectory(recipe.env, seed), ...repeatable } = recipe;
  // With the seed in it, this recipe is the run.
  const networks = networksFor(recipe, seed);
  const limit = limitOf(recipe);
  const screen = new Screen(flags);
  screen.begin('update');
  const doing = from === undefined ? 'Training' : `Going on with ${from.checkpoint ?? from.run}: training`;
  screen.say(`${doing} on ${recipe.env} for ${limitText(recipe)}, seed ${seed}.`);
  screen.tell('start', { kind: 'agent', env: recipe.env, total: limit, seed, runDirectory });
  let result: TrainResult;
  let begun = false;
  try {
    result = await trainAgent({
      ...runOptions(recipe),
      resume: from?.checkpoint ?? from?.run,
      ...networks,
      [limit.unit === 'steps' ? 'totalSteps' : 'maxEpisodes']: limit.count,
      seed,
      signal: screen.signal,
      notes: { recipe },
      runDirectory,
      trackers: trackersFor(recipe.tracking),
      warn: (message) => screen.warn(message),
      callbacks: {
        onStart: screen.callbacks.onStart,
        onRolloutStart: () => {
          if (!begun) writeRecipe(runDirectory, { ...repeatable, seed });
          begun = true;
        },
        onUpdateEnd: (progress, { entropy }) => screen.progress(agentProgress(progress, limit, entropy)),
        onCheckpoint: screen.callbacks.onCheckpoint,
      },
    });
  } finally {
    screen.release();
  }
  const interrupted = result.stoppedBy === 'signal';
  const finishedBefore = own !== undefined && !begun && !interrupted;
  screen.say(finishedBefore ? finished(result, limit.count) : summary(recipe, result));
  const evaluation = interrupted || finishedBefore ? null : await evaluateRun(recipe, result, seed);
  if (evaluation !== null) {
    screen.say(evaluationText(evaluation));
    screen.tell('evaluation', evaluationJson(evaluation));
  }
  screen.say(whereAndNext(result, interrupted));
  screen.result(resultJson(result, evaluation));
  return interrupted ? EXIT_INTERRUPTED : 0;
}

/** What `limit` a recipe sets; 100,000 steps if it sets none. */
function limitOf({ totalSteps, maxEpisodes }: Recipe): { unit: 'steps' | 'episodes'; count: number } {
  if (maxEpisodes !== undefined) return { unit: 'episodes', count: maxEpisodes };
  return { unit: 'steps', count: totalSteps ?? 100_000 };
}

function runOptions(recipe: Recipe) {
  const {
    env,
    ppo,
    network: _network,
    evaluation: _evaluation,
    tracking: _tracking,
    maxEpisodes: _max,
    totalSteps: _total,
    ...rest
  } = recipe;
  return { ...rest, envName: env, ppoConfig: ppo };
}

/** The networks of a recipe, sized for its environment. Their first weights follow from the seed. */
function networksFor(recipe: Recipe, seed: number): { actor: MLPActorNetwork; critic: MLPCriticNetwork } {
  const { hiddenDim = 64, hiddenLayers, activation } = recipe.network ?? {};
  const env = make(recipe.env, recipe.envOptions);
  const inputs = flatdim(env.observationSpace);
  const outputs = actionHeadFor(env.actionSpace).outputSize;
  const [actorSeed, criticSeed] = new SeedSequence(seed, { spawnKey: [NETWORKS] }).generateState(2);
  return {
    actor: new MLPActorNetwork(inputs, hiddenDim, outputs, { hiddenLayers, activation, seed: actorSeed }),
    critic: new MLPCriticNetwork(inputs, hiddenDim, { hiddenLayers, activation, seed: criticSeed }),
  };
}

/** A child of the run's seed that the run itself does not use. */
const NETWORKS = 1000;

function evaluateRun(recipe: Recipe, { agent }: TrainResult, seed: number): Promise<EvaluationResult> | null {
  const { episodes = 100, seed: evaluationSeed = seed + 1000, deterministic } = recipe.evaluation ?? {};
  if (episodes === 0) return null;
  const { envOptions, maxTimesteps } = recipe;
  return evaluatePolicy(agent, recipe.env, { episodes, seed: evaluationSeed, deterministic, envOptions, maxTimesteps });
}

/** The full id that a recipe's `env` means. */
function knownId(env: string): string {
  try {
    return findSpec(env).id;
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    throw new CliError(`${error.message} (\`${ourCommand()} envs\` lists all)`, EXIT_FAILURE, { cause: error });
  }
}

function isRecipe(target: string): boolean {
  return ['.yaml', '.yml'].includes(extname(target).toLowerCase()) || (!registry.has(target) && existsSync(target));
}

/** The file; or the recipe of that name that comes with this package. */
function recipePath(target: string): string {
  const own = fileURLToPath(new URL(`../../${target}`, import.meta.url));
  return !existsSync(target) && existsSync(own) ? own : target;
}

// What is printed at the end.

const ENDINGS: Readonly<Record<TrainResult['stoppedBy'], (recipe: Recipe) => string>> = {
  totalSteps: () => '',
  maxEpisodes: () => '',
  stopAtMeanReturn: ({ stopAtMeanReturn }) => `: reached the mean return of ${stopAtMeanReturn} that was asked for`,
  maxKl: () => '',
  callback: () => '',
  signal: () => ': interrupted',
};

/** How long a run is to be. */
function limitText(recipe: Recipe): string {
  const { unit, count } = limitOf(recipe);
  const text = counted(count, unit.slice(0, -1));
  const { ppo = {}, numEnvs = 1, updateInterval } = recipe;
  // So many episodes are exactly those.
  if (unit === 'episodes') return text;
  if (updateInterval !== undefined) return `${text}, in whole updates of ${counted(updateInterval, 'episode')}`;
  return `${text}, in whole updates of up to ${grouped(numEnvs * resolvePPOConfig(ppo, numEnvs).rolloutSteps)}`;
}

function countsOf({ steps, updates, episodes }: TrainResult): string {
  return `${counted(steps, 'step')}, ${counted(episodes, 'episode')}, ${counted(updates, 'update')}`;
}

/** Of a run that had come to its end before. */
function finished(result: TrainResult, limit: number): string {
  const { stoppedBy, runDirectory } = result;
  const isLimit = stoppedBy === 'totalSteps' || stoppedBy === 'maxEpisodes';
  const more = isLimit
    ? `--${stoppedBy} ${2 * limit}`
    : stoppedBy === 'stopAtMeanReturn'
      ? `--${stoppedBy} <return>`
      : '';
  const longer = more === '' ? '' : `\nTrain it longer: ${ourCommand()} train --resume ${runDirectory} ${more}`;
  return `This run is finished: ${countsOf(result)}; nothing to do.${longer}`;
}

function summary(recipe: Recipe, result: TrainResult): string {
  const { seconds, episodes, meanReturn, stoppedBy } = result;
  const reached =
    meanReturn === null
      ? 'No episode has ended yet.'
      : `Mean return ${figure(meanReturn)} over ${episodes === 1 ? 'one episode' : `the latest ${Math.min(episodes, 100)} episodes`}.`;
  return `Trained for ${countsOf(result)} in ${duration(seconds)}${ENDINGS[stoppedBy](recipe)}.\n${reached}`;
}

function evaluationText({ mean, std, returns }: EvaluationResult): string {
  return `Evaluation: mean return ${figure(mean)} ± ${figure(std)} over ${counted(returns.length, 'new episode')}.`;
}

function whereAndNext({ runDirectory, checkpoint }: TrainResult, interrupted: boolean): string {
  const next = [
    ...(interrupted ? [`Go on with it:          ${ourCommand()} train --resume ${runDirectory}`] : []),
    `Play episodes with it:  ${ourCommand()} evaluate ${checkpoint}`,
  ];
  return `\nRun directory: ${runDirectory}\nCheckpoint:    ${checkpoint}\n\n${next.join('\n')}`;
}

function evaluationJson({ mean, std, returns }: EvaluationResult): object {
  return { mean, std, episodes: returns.length };
}

function resultJson(result: TrainResult, evaluation: EvaluationResult | null): object {
  const { steps, updates, seconds, seed, runDirectory, checkpoint, stoppedBy, episodes, meanReturn } = result;
  return {
    stoppedBy,
    steps,
    episodes,
    updates,
    seconds,
    seed,
    meanReturn,
    evaluation: evaluation && evaluationJson(evaluation),
    runDirectory,
    checkpoint,
  };
}
