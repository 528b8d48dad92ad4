// `gymformer evaluate`: what a saved agent can do.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { make } from '../env/index.ts';
import { readRun } from '../tracking/index.ts';
import { evaluatePolicy, latestCheckpoint, loadPPOAgent, type PPOAgent } from '../trainer/index.ts';
import { giveTurn, turnIsDue } from '../runtime/event-loop.ts';
import { isCheckpoint } from '../trainer/latest-checkpoint.ts';
import { isRun } from '../trainer/resume.ts';
import { CliError, EXIT_INTERRUPTED } from './cli-error.ts';
import { evaluateModel, isLanguageModel } from './evaluate-model.ts';
import { optionalNatural } from './flags.ts';
import { counted, figure } from './format.ts';
import { countedProgress } from './progress.ts';
import { Screen } from './screen.ts';

/** Flags of `gymformer evaluate`, as commander gives them. */
export type EvaluateFlags = Readonly<Record<string, string | boolean>>;

/** Plays episodes and prints what they came to. */
export async function evaluate(path: string, flags: EvaluateFlags): Promise<void> {
  const seed = optionalNatural('--seed', flags['seed'], 0);
  const render = flags['render'];
  const episodes = optionalNatural('--episodes', flags['episodes'], 1);
  const deterministic = flags['stochastic'] !== true;
  const recipe = flags['recipe'];
  if (typeof recipe === 'string' || isLanguageModel(path)) {
    await evaluateModel(path, {
      recipe: typeof recipe === 'string' ? recipe : undefined,
      problems: episodes,
      seed,
      deterministic,
      show: render !== undefined,
      json: flags['json'] === true,
    });
    return;
  }
  const checkpoint = await checkpointOf(path);
  const agent = loadPPOAgent(checkpoint, { seed });
  const { id, name, options } = agent.details.env;
  if (id === null) {
    throw new CliError(
      `${path}: it was trained on an environment of its own (${name}), which a program must make: ` +
        'use loadPPOAgent and evaluatePolicy',
    );
  }
  const shows = typeof render === 'string';
  const total = episodes ?? (shows ? 1 : 100);
  const screen = new Screen({ json: flags['json'] === true });
  screen.begin('episode');
  screen.tell('start', { kind: 'agent', env: id, checkpoint, episodes: total });
  const { signal } = screen;
  const started = performance.now();
  const played: Episode[] = [];
  const onEpisode = (episode: Episode): void => {
    played.push(episode);
    screen.progress(countedProgress(played.length, total, 'episodes', (performance.now() - started) / 1000));
  };
  const told = { deterministic, seed, signal, onEpisode };
  try {
    if (shows) await show(agent, id, { ...options, renderMode: render }, total, told, (frame) => screen.draw(frame));
    else await evaluatePolicy(agent, id, { ...told, episodes: total, envOptions: options });
  } catch (error) {
    if (!screen.isInterrupt(error)) throw error;
  } finally {
    screen.release();
  }
  const returns = played.map((episode) => episode.return);
  const lengths = played.map(({ length }) => length);
  const { mean, std } = summaryOf(returns);
  screen.say(`${id}: ${played.length === 0 ? 'no episode has ended' : episodesText(returns, lengths)}`);
  const stoppedBy = signal.aborted ? 'signal' : 'end';
  screen.result({ stoppedBy, env: id, checkpoint, episodes: returns.length, mean, std, returns, lengths });
  if (signal.aborted) process.exitCode = EXIT_INTERRUPTED;
}

function episodesText(returns: readonly number[], lengths: readonly number[]): string {
  const [{ mean, std }, steps] = [summaryOf(returns), summaryOf(lengths)];
  const range = `from ${figure(Math.min(...returns))} to ${figure(Math.max(...returns))}`;
  const episodes = `${counted(returns.length, 'episode')} of ${figure(steps.mean)} steps`;
  return `mean return ${figure(mean)} ± ${figure(std)}, ${range}, over ${episodes}`;
}

/** The checkpoint at `path`: itself, or the last one of a run, which may be going on. */
async function checkpointOf(path: string): Promise<string> {
  if (isCheckpoint(path)) return path;
  const checkpoint = (await readRun(path)).summary?.['checkpoint'];
  if (typeof checkpoint === 'string' && isCheckpoint(checkpoint)) return checkpoint;
  // One that goes on; or that was moved, or is seen from another folder than that in which it ran.
  const latest = isRun(path) ? latestCheckpoint(path, { warn: (message) => console.error(message) }) : undefined;
  if (latest !== undefined) return latest;
  throw new CliError(`There is nothing to evaluate in ${path}: ${foundIn(path)}`);
}

/** What was looked for, and what is there. */
function foundIn(path: string): string {
  if (!existsSync(path)) return 'there is no such folder';
  if (!statSync(path).isDirectory()) return 'it is a file; give the folder that it is in';
  if (isRun(path)) return 'it is a run that has written no checkpoint yet; wait until it has';
  const names = readdirSync(path);
  const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? `, ${names.length - 5} more` : '');
  return (
    "an agent's checkpoint has a trainer.json, a language model a config.json, a run a config.json and checkpoints/; " +
    `this folder has ${names.length === 0 ? 'nothing' : shown}`
  );
}

/** An episode that was played. */
interface Episode {
  readonly return: number;
  readonly length: number;
}

interface PlayOptions {
  readonly seed: number | undefined;
  readonly deterministic: boolean;
  readonly signal: AbortSignal;
  readonly onEpisode: (episode: Episode) => void;
}

/** Plays episodes one after another, and says every step's picture, if it is text; a page shows itself. */
async function show(
  agent: PPOAgent,
  id: string,
  options: Readonly<Record<string, unknown>>,
  episodes: number,
  { seed, deterministic, signal, onEpisode }: PlayOptions,
  say: (frame: string) => void,
): Promise<void> {
  const env = make(id, options);
  const draw = (): void => {
    const frame: unknown = env.render();
    if (typeof frame === 'string') say(frame);
  };
  try {
    for (let episode = 0; episode < episodes; episode++) {
      let [observation] = await env.reset(episode === 0 ? { seed } : {});
      let [total, length, ended] = [0, 0, false];
      draw();
      while (!ended) {
        if (turnIsDue()) await giveTurn();
        signal.throwIfAborted();
        const action = agent.selectAction(observation, { deterministic });
        const [next, reward, terminated, truncated] = await env.step(action);
        observation = next;
        total += reward;
        length++;
        ended = terminated || truncated;
        draw();
      }
      onEpisode({ return: total, length });
    }
  } finally {
    await env.close();
  }
}

function summaryOf(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance) };
}
