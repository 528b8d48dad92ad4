// `gymformer watch`: an agent acts, in a page on this machine or in a video.

import { once } from 'node:events';
import { type Frame, isFrame, make, VideoFile } from '../env/index.ts';
import { videoFormatOf } from '../env/rendering/video-file.ts';
import { ViewerServer } from '../env/rendering/viewer-server.ts';
import { isCheckpoint, latestCheckpoint } from '../trainer/latest-checkpoint.ts';
import { loadPPOAgent, type PPOAgent } from '../trainer/index.ts';
import { CliError, EXIT_USAGE } from './cli-error.ts';
import { isLanguageModel } from './evaluate-model.ts';
import { optionalNatural } from './flags.ts';
import { counted, figure } from './format.ts';
import { Interrupt } from './interrupt.ts';
import { printable } from './printable.ts';
import { ourCommand } from './our-command.ts';
import { makeDrawn, ShownEpisodes } from './shown-episodes.ts';

/** Frames of a video, lest an agent that gets nowhere fill the disk. */
const MOST_FRAMES = 10_000;

interface Watched {
  readonly agent: PPOAgent;
  readonly id: string;
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** Shows an agent until Ctrl-C, or writes a video of it. */
export async function watch(path: string, flags: Readonly<Record<string, string | boolean>>): Promise<void> {
  const seed = optionalNatural('--seed', flags['seed'], 0);
  const fps = optionalNatural('--fps', flags['fps'], 1);
  const episodes = optionalNatural('--episodes', flags['episodes'], 1);
  const deterministic = flags['stochastic'] !== true;
  const video = flags['video'];
  if (isLanguageModel(path)) {
    throw new CliError(
      `${path} is a language model, which has no pictures: try \`${ourCommand()} chat ${path}\` or \`${ourCommand()} completions <run>\``,
    );
  }
  const options = { seed, fps, deterministic };
  if (typeof video === 'string') return film(path, video, { ...options, episodes: episodes ?? 1 });
  await live(path, { ...options, episodes, port: optionalNatural('--port', flags['port'], 0) });
}

interface WatchOptions {
  readonly seed: number | undefined;
  readonly fps: number | undefined;
  readonly deterministic: boolean;
}

/** The checkpoint to show: `path` itself, or the latest one of a run. */
function checkpointOf(path: string): string {
  if (isCheckpoint(path)) return path;
  const latest = latestCheckpoint(path, { warn: (message) => console.error(printable(message)) });
  if (latest === undefined) throw new CliError(`${path} has no checkpoint yet: wait until the run has written one`);
  return latest;
}

function load(checkpoint: string, seed: number | undefined): Watched {
  const agent = loadPPOAgent(checkpoint, { seed });
  const { id, name, options } = agent.details.env;
  if (id !== null) return { agent, id, kwargs: options };
  throw new CliError(
    `${checkpoint}: it was trained on an environment of its own (${name}), which a program must make: ` +
      'use loadPPOAgent and RecordVideo or HumanRendering',
  );
}

async function live(
  path: string,
  {
    seed,
    fps,
    deterministic,
    episodes,
    port,
  }: WatchOptions & { episodes: number | undefined; port: number | undefined },
): Promise<void> {
  let checkpoint = checkpointOf(path);
  let { agent, id, kwargs } = load(checkpoint, seed);
  const environment = makeDrawn(id, kwargs);
  const interrupt = new Interrupt(() => undefined);
  const { signal } = interrupt;
  const opened = new EventTarget();
  let viewers = 0;
  const viewer = await ViewerServer.start(
    { title: id, envId: id, help: '', controls: [] },
    {
      port,
      onViewers(count) {
        viewers = count;
        opened.dispatchEvent(new Event('viewer'));
      },
    },
  );
  console.log(printable(`Watch ${checkpoint} in ${id} at ${viewer.url} (Ctrl-C ends)`));
  const shown = new ShownEpisodes(environment, viewer, fps);
  try {
    while (!signal.aborted && shown.returns.length < (episodes ?? Number.POSITIVE_INFINITY)) {
      const newest = checkpointOf(path);
      // A run that goes on writes better ones.
      if (newest !== checkpoint) {
        checkpoint = newest;
        agent = load(checkpoint, seed).agent;
      }
      await shown.reset(seed === undefined ? undefined : seed + shown.returns.length, checkpoint);
      while (!shown.ended && !signal.aborted) {
        if (viewers === 0) await once(opened, 'viewer', { signal }).catch(() => undefined);
        await shown.pace(signal);
        if (!signal.aborted) await shown.step(agent.selectAction(shown.observation, { deterministic }));
      }
    }
  } finally {
    interrupt.release();
    await viewer.close();
    await environment.env.close();
  }
  const { returns } = shown;
  const mean = returns.reduce((sum, value) => sum + value, 0) / returns.length;
  const told = returns.length === 0 ? '' : ` with a mean return of ${figure(mean)}`;
  console.log(`${id}: ${counted(returns.length, 'episode')}${told}`);
}

async function film(
  path: string,
  video: string,
  { seed, fps, deterministic, episodes }: WatchOptions & { episodes: number },
): Promise<void> {
  try {
    videoFormatOf(video);
  } catch (error) {
    throw new CliError(`--video: ${(error as Error).message}`, EXIT_USAGE);
  }
  const { agent, id, kwargs } = load(checkpointOf(path), seed);
  const env = make(id, { ...kwargs, renderMode: 'rgb_array' });
  const file = new VideoFile(video, fps ?? env.metadata.renderFps ?? 30);
  const returns: number[] = [];
  let frames = 0;
  const capture = (): void => {
    const frame = env.render();
    if (!isFrame(frame)) throw new CliError(`${id}: render() returned no frame`);
    file.add(frame satisfies Frame);
    frames++;
  };
  for (let episode = 0; episode < episodes; episode++) {
    let [observation] = await env.reset({ seed: seed === undefined ? undefined : seed + episode });
    capture();
    let total = 0;
    for (let ended = false; !ended && frames < MOST_FRAMES; ) {
      const action = agent.selectAction(observation, { deterministic });
      const [next, reward, terminated, truncated] = await env.step(action);
      observation = next;
      total += reward;
      ended = terminated || truncated;
      capture();
    }
    returns.push(total);
  }
  await env.close();
  console.log(
    `${await file.save()}: ${counted(frames, 'frame')} of ${id}, ${returns.length === 1 ? 'return' : 'returns'} ${returns.map(figure).join(', ')}`,
  );
}
