// Videos as files, and when to record one. Source: gymnasium.utils.save_video, Gymnasium 1.x.

import { mkdirSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import type { Frame } from './frame.ts';
import { encodeVideo, type VideoEncoding, type VideoFormat } from './video.ts';
import { writeWholeFile } from './whole-file.ts';

/** Whether to record, by the number of an episode or of a step; the first is 0. */
export type VideoTrigger = (index: number) => boolean;

/** Records the episodes 0, 1, 8, 27, ... k^3, ... 729, 1000, 2000, 3000, ...: often while much changes, and then ever more rarely. */
export function cappedCubicVideoSchedule(episode: number): boolean {
  return episode < 1000 ? Math.round(Math.cbrt(episode)) ** 3 === episode : episode % 1000 === 0;
}

/** A video file under way. It appears under its name when it is complete. */
export class VideoFile {
  /** Absolute. */
  readonly path: string;
  readonly #encoding: VideoEncoding;

  /**
   * @param path ends in `.gif`, `.webm` or `.mp4`, which says how it is encoded; its folder is made if it is not there
   * @throws DependencyNotInstalled if the package that encodes it is not there
   */
  constructor(path: string, fps: number) {
    this.path = resolve(path);
    this.#encoding = encodeVideo(videoFormatOf(path), fps);
    mkdirSync(dirname(this.path), { recursive: true });
  }

  /** Takes the next frame. */
  add(frame: Frame): void {
    this.#encoding.add(frame);
  }

  /** Writes the file: beside its place first, flushed, then renamed over what was there. */
  async save(): Promise<string> {
    writeWholeFile(this.path, await this.#encoding.finish());
    return this.path;
  }
}

/** The format of a video's file name. Throws a RangeError that lists the formats if it has none. */
export function videoFormatOf(path: string): VideoFormat {
  const ending = extname(path).slice(1).toLowerCase();
  if (ending === 'gif' || ending === 'webm' || ending === 'mp4') return ending;
  throw new RangeError(`${path} is no name of a video: it must end in .gif, .webm or .mp4`);
}

/** Options of {@link saveVideo}. */
export interface SaveVideoOptions {
  /** Frames a second. */
  readonly fps: number;
  /** Saves the whole episode if it says so of `episodeIndex`. Default, if there is no `stepTrigger`: {@link cappedCubicVideoSchedule}. */
  readonly episodeTrigger?: VideoTrigger | undefined;
  /** Saves what follows each step of which it says so. */
  readonly stepTrigger?: VideoTrigger | undefined;
  /** Frames a video has at most. Default: all. */
  readonly videoLength?: number | undefined;
  /** What file names begin with. Default `rl-video`. */
  readonly namePrefix?: string | undefined;
  /** The number of this episode. Default 0. */
  readonly episodeIndex?: number | undefined;
  /** How many steps were taken before this episode. Default 0. */
  readonly stepStartingIndex?: number | undefined;
  /** Default `webm`. */
  readonly format?: VideoFormat | undefined;
}

/**
 * Saves the frames of an episode, such as `render` of mode `rgb_array_list` gives, if the triggers say so: as
 * `<namePrefix>-episode-<n>.<format>` and `<namePrefix>-step-<n>.<format>` in a folder, which is made if it is not there.
 *
 * @returns the paths of the files it wrote
 * @throws DependencyNotInstalled if the package that encodes the format is not there
 */
export async function saveVideo(
  frames: readonly Frame[],
  videoFolder: string,
  options: SaveVideoOptions,
): Promise<string[]> {
  const { fps, stepTrigger, videoLength = frames.length, namePrefix = 'rl-video', format = 'webm' } = options;
  const { episodeIndex = 0, stepStartingIndex = 0 } = options;
  const { episodeTrigger = stepTrigger === undefined ? cappedCubicVideoSchedule : undefined } = options;
  const saved: string[] = [];
  const save = async (name: string, from: number): Promise<void> => {
    const file = new VideoFile(join(videoFolder, `${namePrefix}-${name}.${format}`), fps);
    for (const frame of frames.slice(from, from + videoLength)) file.add(frame);
    saved.push(await file.save());
  };
  if (episodeTrigger?.(episodeIndex)) await save(`episode-${episodeIndex}`, 0);
  if (stepTrigger === undefined) return saved;
  // The first frame is that of the reset.
  for (let frame = 1; frame < frames.length; frame++) {
    const step = stepStartingIndex + frame - 1;
    if (stepTrigger(step)) await save(`step-${step}`, frame);
  }
  return saved;
}
