/** What shoppers got during one slice of time. */
export interface Slice {
  readonly atSeconds: number;
  readonly seconds: number;
  readonly requests: number;
  /** Requests above the latency threshold. */
  readonly slow: number;
  readonly errors: number;
}
