// Makes the built-in wrappers known by name, so that specifications can be read from JSON. Imported for that effect.

import { registerWrapper } from './registry.ts';
import {
  Autoreset,
  ClipAction,
  ClipReward,
  FlattenObservation,
  FrameStackObservation,
  NormalizeObservation,
  NormalizeReward,
  RecordEpisodeStatistics,
  RescaleAction,
  RescaleObservation,
  TimeAwareObservation,
} from './wrappers/index.ts';

registerWrapper(Autoreset);
registerWrapper(ClipAction);
registerWrapper(ClipReward);
registerWrapper(FlattenObservation);
registerWrapper(FrameStackObservation);
registerWrapper(NormalizeObservation);
registerWrapper(NormalizeReward);
registerWrapper(RecordEpisodeStatistics);
registerWrapper(RescaleAction);
registerWrapper(RescaleObservation);
registerWrapper(TimeAwareObservation);
