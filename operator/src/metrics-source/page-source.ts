import type { MetricsSource, RejectedReading } from "../control/ports.ts";
import { createFleetSource, type FleetSourceOptions } from "./fleet-source.ts";

export { rejected } from "./page-figures.ts";
export type Rejected = RejectedReading;

export interface PageSourceOptions extends Omit<FleetSourceOptions, "readPages"> {
  /** One page of the process's exposition, or why there is none. Never throws. */
  readonly readPage: () => Promise<string | Rejected>;
}

/** A MetricsSource on the expositions of one process that is no pod. */
export function createPageSource(options: PageSourceOptions): MetricsSource {
  return createFleetSource({
    ...options,
    readPages: async () => [{ name: "the process", isPod: false, page: await options.readPage() }],
  });
}
