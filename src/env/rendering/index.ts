export type { AcrobotPicture } from './acrobot.ts';
export type { BlackjackPicture } from './blackjack.ts';
export type { CartPolePicture } from './cartpole.ts';
export type { CliffWalkingPicture } from './cliff-walking.ts';
export type { Drawing, DrawingContext, PictureSize } from './drawing.ts';
export { drawingOf, drawings } from './drawings.ts';
export { DrawnEnv } from './drawn-env.ts';
export { drawFrame, type Frame, frameOf, isFrame } from './frame.ts';
export type { FrozenLakePicture } from './frozen-lake.ts';
export type { MountainCarPicture } from './mountain-car.ts';
export type { PendulumPicture } from './pendulum.ts';
export { isReplay, type Replay, type ReplayFrame } from './replay.ts';
export type { TaxiPicture } from './taxi.ts';
export type { VideoFormat } from './video.ts';
export {
  cappedCubicVideoSchedule,
  saveVideo,
  type SaveVideoOptions,
  VideoFile,
  type VideoTrigger,
} from './video-file.ts';
