import { join, resolve } from 'node:path';
import type { ActionOf, Answer, Env, ObservationOf, ResetOptions, ResetResult, StepResult } from '../env.ts';
import { EnvError } from '../errors.ts';
import { isFrame } from '../rendering/frame.ts';
import type { VideoFormat } from '../rendering/video.ts';
import { cappedCubicVideoSchedule, VideoFile, type VideoTrigger } from '../rendering/video-file.ts';
import { Wrapper } from '../wrapper.ts';

/** Options of {@link RecordVideo}. */
export interface RecordVideoOptions {
  /** Where videos go; made if it is not there. */
  readonly videoFolder: string;
  /** Starts a video with the episodes of which it says so. Default, if there is no `stepTrigger`: {@link cappedCubicVideoSchedule}. */
  readonly episodeTrigger?: VideoTrigger | undefined;
  /** Starts a video after the steps of which it says so, counted over all episodes. */
  readonly stepTrigger?: VideoTrigger | undefined;
  /** Steps that a video shows, of several episodes if need be; 0 ends it with its episode. Default 0. */
  readonly videoLength?: number | undefined;
  /** What file names begin with. Default `rl-video`. */
  readonly namePrefix?: string | undefined;
  /** Frames a second. Default: the environment's `metadata.renderFps`, or 30. */
  readonly fps?: number | undefined;
  /** Default `webm`. */
  readonly format?: VideoFormat | undefined;
}

/**
 * Records videos of some episodes: `<namePrefix>-episode-<n>.<format>`, or `-step-<n>`, where n counts from 0.
 *
 * Frames are encoded as they come. `step` and `reset` do not wait until a file is written: `close` does, and throws what went wrong
 * with any. So call `await env.close()`, which also saves the video under way. Source: gymnasium.wrappers.RecordVideo.
 */
export class RecordVideo<E extends Env = Env> extends Wrapper<E> {
  readonly videoFolder: string;
  readonly fps: number;
  readonly #episodeTrigger: VideoTrigger | undefined;
  readonly #stepTrigger: VideoTrigger | undefined;
  /** Frames that a video has at most: that of its beginning, and one a step. */
  readonly #mostFrames: number;
  readonly #namePrefix: string;
  readonly #format: VideoFormat;
  #episode = -1;
  #step = -1;
  #recording: VideoFile | undefined;
  #frames = 0;
  readonly #saving: Promise<string>[] = [];

  constructor(env: E, options: RecordVideoOptions) {
    super(env, options);
    const { renderMode } = env;
    if (renderMode !== 'rgb_array') {
      throw new EnvError(
        `RecordVideo needs frames, but the render mode is ${renderMode}: make the environment with renderMode: 'rgb_array'`,
      );
    }
    const { videoFolder, episodeTrigger, stepTrigger, videoLength = 0, namePrefix = 'rl-video' } = options;
    if (!(Number.isInteger(videoLength) && videoLength >= 0)) {
      throw new RangeError(`RecordVideo: videoLength is ${videoLength}, but must be a whole number of steps, or 0`);
    }
    this.videoFolder = resolve(videoFolder);
    this.fps = options.fps ?? env.metadata.renderFps ?? 30;
    this.#stepTrigger = stepTrigger;
    this.#episodeTrigger = episodeTrigger ?? (stepTrigger === undefined ? cappedCubicVideoSchedule : undefined);
    this.#mostFrames = videoLength === 0 ? Number.POSITIVE_INFINITY : videoLength + 1;
    this.#namePrefix = namePrefix;
    this.#format = options.format ?? 'webm';
  }

  /** Whether a video is under way. */
  get recording(): boolean {
    return this.#recording !== undefined;
  }

  override reset(options?: ResetOptions): Answer<E, ResetResult<ObservationOf<E>>> {
    const result = this.env.reset(options);
    const answer = Array.isArray(result) ? this.#begin(result) : result.then((later) => this.#begin(later));
    return answer as Answer<E, ResetResult<ObservationOf<E>>>;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<ObservationOf<E>>> {
    const result = this.env.step(action);
    const answer = Array.isArray(result) ? this.#go(result) : result.then((later) => this.#go(later));
    return answer as Answer<E, StepResult<ObservationOf<E>>>;
  }

  /** Starts a video of that name. One that is under way ends. */
  startRecording(name: string): void {
    this.stopRecording();
    this.#recording = new VideoFile(join(this.videoFolder, `${name}.${this.#format}`), this.fps);
    this.#frames = 0;
  }

  /** Ends the video under way, if there is one, and begins to write its file. */
  stopRecording(): void {
    const recording = this.#recording;
    this.#recording = undefined;
    if (recording === undefined || this.#frames === 0) return;
    const saving = recording.save();
    // Told by close(), which may come later.
    saving.catch(() => undefined);
    this.#saving.push(saving);
  }

  /** Saves the video under way and waits until all are written, then closes the environment. */
  override close(): ReturnType<E['close']> {
    this.stopRecording();
    return this.#finish() as ReturnType<E['close']>;
  }

  async #finish(): Promise<void> {
    const results = await Promise.allSettled(this.#saving.splice(0));
    await this.env.close();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  #begin<T>(result: T): T {
    this.#episode++;
    if (this.#mostFrames === Number.POSITIVE_INFINITY) this.stopRecording();
    if (this.#episodeTrigger?.(this.#episode)) this.startRecording(`${this.#namePrefix}-episode-${this.#episode}`);
    this.#capture();
    return result;
  }

  #go<T>(result: T): T {
    this.#step++;
    if (this.#stepTrigger?.(this.#step)) this.startRecording(`${this.#namePrefix}-step-${this.#step}`);
    this.#capture();
    return result;
  }

  #capture(): void {
    if (this.#recording === undefined) return;
    const frame = this.env.render();
    if (!isFrame(frame)) {
      throw new EnvError(
        `RecordVideo: render() of ${this.env} must return a Frame (see frameOf), not ${String(frame)}`,
      );
    }
    this.#recording.add(frame);
    this.#frames++;
    if (this.#frames >= this.#mostFrames) this.stopRecording();
  }
}
