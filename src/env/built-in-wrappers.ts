// Makes the built-in wrappers known by name, so that specifications can be read from JSON. Imported for that effect.

import { registerWrapper } from './registry.ts';
import {
  AddRenderObservation,
  Autoreset,
  ClipAction,
  ClipReward,
  ErrorGuard,
  FlattenObservation,
  FrameStackObservation,
  HumanRendering,
  NormalizeObservation,
  NormalizeReward,
  RecordEpisodeStatistics,
  RecordVideo,
  RenderCollection,
  RescaleAction,
  RescaleObservation,
  TimeAwareObservation,
} from './wrappers/index.ts';

registerWrapper(AddRenderObservation);
registerWrapper(Autoreset);
registerWrapper(ClipAction);
registerWrapper(ClipReward);
registerWrapper(ErrorGuard);
registerWrapper(FlattenObservation);
registerWrapper(FrameStackObservation);
registerWrapper(HumanRendering);
registerWrapper(NormalizeObservation);
registerWrapper(NormalizeReward);
registerWrapper(RecordEpisodeStatistics);
registerWrapper(RecordVideo);
registerWrapper(RenderCollection);
registerWrapper(RescaleAction);
registerWrapper(RescaleObservation);
registerWrapper(TimeAwareObservation);
