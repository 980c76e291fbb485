export { createHistory, type History } from "./history.ts";
export { createPerformanceRoutes, type PerformanceDeps } from "./routes.ts";
export type { TuningInForce, TuningState } from "./tuning-state.ts";
