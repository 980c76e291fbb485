export { type AcceptedTuning, type ClampedTtl, clampTuning } from "./clamp.ts";
export {
  type TuningChange,
  type TuningState,
  type TuningWatcher,
  type TuningWatcherOptions,
  untuned,
  watchTuningFile,
} from "./watcher.ts";
