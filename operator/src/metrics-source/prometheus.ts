import type { LabelMatcher } from "@mestore/contract/promql";
import type { MetricsSource, RejectedReading } from "../control/ports.ts";
import { formatFleetQuery, queriedSeconds, readFleetAnswer } from "./fleet-query.ts";
import { rejected } from "./page-figures.ts";
import { createPromqlClient } from "./promql-client.ts";
import { createWindowReuse } from "./window-reuse.ts";

/** What the Secrets of a Prometheus come to. */
export interface PrometheusCredentials {
  /** Value of the Authorization header; absent: none is sent. */
  readonly authorization?: string;
  /** PEM of the authorities that the server's certificate must come from; absent: the system's. */
  readonly ca?: string;
}

export interface PrometheusOptions {
  /** Base of the API, without `/api/v1`: `http://prometheus.monitoring:9090`. */
  readonly url: string;
  /** For one query, the name's resolution, redirects and body together. */
  readonly timeoutSeconds: number;
  /** Asked before each query, so that a Secret that changed is in force at once. Never throws. */
  readonly credentials?: () => Promise<PrometheusCredentials | RejectedReading>;
  /** Sent along, for a tenant (`X-Scope-OrgID`). Never logged. */
  readonly headers?: readonly { readonly name: string; readonly value: string }[];
  /** Pick out the target's series: its namespace, its pods. Asked before each window. */
  readonly matchers: () => readonly LabelMatcher[];
  /** How often the Prometheus scrapes the target; no window is shorter than two of these. */
  readonly scrapeSeconds: number;
  /** Ready pods of the target at this moment; fewer than 80 % of them reporting is a rejection. */
  readonly expectedPods: () => readonly string[];
  /**
   * Addresses that the operator may call (docs/tuning.md, "Metrics in a cluster"): `prometheus.monitoring`
   * (any port), `prometheus.monitoring:9090`, `*.monitoring.svc`, `http://host:9090/base`, or `*`.
   */
  readonly allow: readonly string[];
  /** Wall-clock seconds at which a window ends. */
  readonly now: () => number;
  /** Default 8 MiB. */
  readonly maximumBytes?: number;
}

/**
 * A MetricsSource on a Prometheus, or whatever speaks its HTTP API. It keeps no history: each window
 * is one instant query, or one of a moment ago which is little beside the window's length.
 * @throws Error when the allow-list is malformed
 */
export function createPrometheusSource(options: PrometheusOptions): MetricsSource {
  const { scrapeSeconds, now } = options;
  const client = createPromqlClient(options);
  const reuse = createWindowReuse({ scrapeSeconds });
  return {
    async window(seconds) {
      const atSeconds = now();
      const query = { matchers: options.matchers(), seconds, scrapeSeconds };
      const text = formatFleetQuery(query);
      return reuse.window({ text, seconds: queriedSeconds(query), atSeconds }, async () => {
        const answer = await client.query(text, atSeconds);
        if ("reason" in answer) return answer;
        const expectedPods = options.expectedPods();
        return readFleetAnswer(answer, { ...query, atSeconds, expectedPods });
      });
    },

    async query(promql) {
      const answer = await client.query(promql, now());
      if ("reason" in answer) return answer;
      const [only, ...others] = answer;
      if (only === undefined) return rejected("MetricsEmpty", "the query gives nothing");
      if (others.length > 0)
        return rejected("MetricsAmbiguous", `the query gives ${answer.length} series, not one`);
      if (!Number.isFinite(only.value))
        return rejected("MetricsNotANumber", `the query gives ${only.value}`);
      return { ok: true, value: only.value };
    },
  };
}
