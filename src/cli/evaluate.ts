// `gymformer evaluate`: what a saved agent can do.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { make } from '../env/index.ts';
import { evaluatePolicy, latestCheckpoint, loadPPOAgent, type PPOAgent } from '../trainer/index.ts';
import { CliError } from './cli-error.ts';
import { evaluateModel, isLanguageModel } from './evaluate-model.ts';
import { optionalNatural } from './flags.ts';
import { figure } from './format.ts';

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
  const agent = loadPPOAgent(checkpointOf(path), { seed });
  const { id, name, options } = agent.details.env;
  if (id === null) {
    throw new CliError(
      `${path}: it was trained on an environment of its own (${name}), which a program must make: ` +
        'use loadPPOAgent and evaluatePolicy',
    );
  }
  const evaluation =
    typeof render === 'string'
      ? await show(agent, id, { ...options, renderMode: render }, episodes ?? 1, seed, deterministic)
      : await evaluatePolicy(agent, id, { episodes, seed, deterministic, envOptions: options });
  const { returns, lengths } = evaluation;
  const { mean, std } = summaryOf(returns);
  if (flags['json']) {
    console.log(JSON.stringify({ env: id, episodes: returns.length, mean, std, returns, lengths }));
    return;
  }
  const steps = summaryOf(lengths);
  console.log(
    `${id}: mean return ${figure(mean)} ± ${figure(std)}, from ${figure(Math.min(...returns))} to ${figure(Math.max(...returns))}, ` +
      `over ${returns.length} episodes of ${figure(steps.mean)} steps`,
  );
}

/** The checkpoint at `path`: itself, or the last one of a run. */
function checkpointOf(path: string): string {
  const file = join(path, 'summary.json');
  if (!existsSync(file)) return path;
  const { checkpoint } = JSON.parse(readFileSync(file, 'utf8')) as { readonly checkpoint?: unknown };
  if (typeof checkpoint !== 'string')
    throw new CliError(`${file} names no checkpoint: give the checkpoint's directory`);
  if (existsSync(checkpoint)) return checkpoint;
  // The run was moved, or is seen from another folder than that in which it ran.
  return latestCheckpoint(path, { warn: (message) => console.error(message) }) ?? checkpoint;
}

interface Played {
  readonly returns: number[];
  readonly lengths: number[];
}

/** Plays episodes one after another and prints the picture of every step. */
async function show(
  agent: PPOAgent,
  id: string,
  options: Readonly<Record<string, unknown>>,
  episodes: number,
  seed: number | undefined,
  deterministic: boolean,
): Promise<Played> {
  const env = make(id, options);
  const played: Played = { returns: [], lengths: [] };
  for (let episode = 0; episode < episodes; episode++) {
    let [observation] = await env.reset(episode === 0 ? { seed } : {});
    let [total, length, ended] = [0, 0, false];
    say(env.render());
    while (!ended) {
      const action = agent.selectAction(observation, { deterministic });
      const [next, reward, terminated, truncated] = await env.step(action);
      observation = next;
      total += reward;
      length++;
      ended = terminated || truncated;
      say(env.render());
    }
    played.returns.push(total);
    played.lengths.push(length);
  }
  await env.close();
  return played;
}

function summaryOf(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance) };
}

/** Prints what is drawn as text; a page shows itself. */
function say(frame: unknown): void {
  if (typeof frame === 'string') console.log(frame);
}
