// A recorded episode, as plain data that a page or a program can draw again.

import { drawingOf } from './drawings.ts';

/** A recorded episode, as JSON keeps it. */
export interface Replay {
  /** The id of the environment, whose drawing is `drawingOf(envId)`. */
  readonly envId: string;
  /** What the environment was made with. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** How many episodes the agent had learned from. */
  readonly episode: number;
  /** The sum of the rewards of the frames. */
  readonly return: number;
  /** At least one: that after the reset, then one a step. */
  readonly frames: readonly ReplayFrame[];
}

/** A moment of an episode. */
export interface ReplayFrame {
  /** What the drawing takes. */
  readonly state: unknown;
  /** The action that led here, typed arrays as lists; null in the first frame. */
  readonly action: unknown;
  /** What that action earned; 0 in the first frame. */
  readonly reward: number;
}

/** Whether something, read from a file perhaps, is a replay of an environment that can be drawn, in every frame. */
export function isReplay(value: unknown): value is Replay {
  if (typeof value !== 'object' || value === null) return false;
  const { envId, kwargs, episode, return: total, frames } = value as Partial<Replay>;
  if (typeof envId !== 'string' || typeof kwargs !== 'object' || kwargs === null) return false;
  if (!Number.isFinite(episode) || !Number.isFinite(total) || !Array.isArray(frames) || frames.length === 0)
    return false;
  const drawing = drawingOf(envId);
  if (drawing === undefined) return false;
  return (frames as unknown[]).every(
    (frame) =>
      typeof frame === 'object' &&
      frame !== null &&
      'state' in frame &&
      'action' in frame &&
      'reward' in frame &&
      Number.isFinite(frame.reward) &&
      drawing.accepts(frame.state),
  );
}
