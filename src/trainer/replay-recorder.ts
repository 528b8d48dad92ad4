// Episodes recorded while an agent learns, for people to look at: the policy as it is, at its likeliest actions.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cappedCubicVideoSchedule,
  DrawnEnv,
  drawingOf,
  type Env,
  type Replay,
  type ReplayFrame,
} from '../env/index.ts';
import { warn } from '../env/warnings.ts';
import type { PPOAgent } from './ppo-agent.ts';

/** Frames that a replay has at most. */
const MOST_FRAMES = 1000;
/** Bytes of frames that a replay has at most. */
const MOST_BYTES = 200_000;

/** What a {@link ReplayRecorder} is made of. */
export interface ReplayRecorderOptions {
  readonly agent: PPOAgent;
  /** An environment of its own, so that nothing of the training ones is touched. */
  readonly env: Env;
  /** `replays/` of the run directory. */
  readonly folder: string;
  /** Of every recorded episode, so that they all begin alike. */
  readonly seed: number;
  /** Episodes that the agent has learned from already. */
  readonly episodes: number;
}

/** The recorder of a run; undefined if the environment cannot be drawn from its id alone. */
export function replayRecorder(options: ReplayRecorderOptions): ReplayRecorder | undefined {
  const { spec, unwrapped } = options.env;
  const canBeDrawn = unwrapped instanceof DrawnEnv && spec !== null && drawingOf(spec.id) === unwrapped.drawing;
  return canBeDrawn ? new ReplayRecorder(options) : undefined;
}

/**
 * Writes `episode-<n>.json`, a {@link Replay}, when n episodes have ended: after episodes 1, 8, 27, ... k^3, then every 1000, at
 * the first update from there on, and at the end unless a signal ends it. Each is played anew, with the likeliest actions. What goes wrong
 * is a warning, and ends the recording, not the run.
 */
export class ReplayRecorder {
  readonly #options: ReplayRecorderOptions;
  #seen: number;
  #recorded = -1;
  #failed = false;

  constructor(options: ReplayRecorderOptions) {
    this.#options = options;
    this.#seen = options.episodes;
    forgetAfter(options);
  }

  /** Records if the schedule says so of an episode since the last call. */
  async afterUpdate(episodes: number): Promise<void> {
    const from = this.#seen;
    this.#seen = episodes;
    for (let episode = episodes; episode > from; episode--) {
      if (cappedCubicVideoSchedule(episode)) return this.record(episodes);
    }
  }

  /** Records now, as the policy that `episodes` episodes made. */
  async record(episodes: number): Promise<void> {
    if (this.#failed || this.#recorded === episodes) return;
    this.#recorded = episodes;
    const { folder } = this.#options;
    try {
      const replay = await this.#play(episodes);
      mkdirSync(folder, { recursive: true });
      // Readers see it whole. It is not flushed, which would take longer than playing: a picture book may miss a page.
      const path = join(folder, `episode-${episodes}.json`);
      writeFileSync(`${path}.tmp`, replay);
      renameSync(`${path}.tmp`, path);
    } catch (error) {
      this.#failed = true;
      warn(
        `No more episodes are recorded, for recording one failed: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  /** Closes the environment. */
  async close(): Promise<void> {
    await this.#options.env.close();
  }

  /** Plays an episode. Returns a {@link Replay} as JSON, whose frames are written one by one, so that their size is known. */
  async #play(episode: number): Promise<string> {
    const { agent, env, seed } = this.#options;
    const drawn = env.unwrapped as DrawnEnv;
    const frames: string[] = [];
    let bytes = 0;
    const keep = (frame: ReplayFrame): void => {
      const text = JSON.stringify(frame, shortNumbers);
      bytes += text.length + 1;
      frames.push(text);
    };
    let [observation] = await env.reset({ seed });
    keep({ state: drawn.renderState(), action: null, reward: 0 });
    let total = 0;
    for (let ended = false; !ended && frames.length < MOST_FRAMES && bytes < MOST_BYTES; ) {
      const action = agent.selectAction(observation, { deterministic: true });
      const answer = env.step(action);
      const [next, reward, terminated, truncated] = answer instanceof Promise ? await answer : answer;
      observation = next;
      total += reward;
      ended = terminated || truncated;
      const listed = ArrayBuffer.isView(action) ? [...(action as Float32Array)] : action;
      keep({ state: drawn.renderState(), action: listed, reward });
    }
    const { id: envId, kwargs } = env.unwrapped.spec!;
    const facts: Omit<Replay, 'frames'> = { envId, kwargs, episode, return: total };
    return `${JSON.stringify(facts).slice(0, -1)},"frames":[${frames.join(',')}]}`;
  }
}

/** Removes what was recorded after the checkpoint that a run goes on from: it is recorded again. */
function forgetAfter({ folder, episodes }: ReplayRecorderOptions): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const episode = /^episode-(\d+)\.json(\.tmp)?$/.exec(name)?.[1];
    if (Number(episode) > episodes) rmSync(join(folder, name), { force: true });
  }
}

/** Six digits are more than a picture shows. */
function shortNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value;
}
