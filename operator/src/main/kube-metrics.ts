import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import type { LabelMatcher } from "@mestore/contract/promql";
import type { Timing } from "@mestore/laws/timing";
import type { MetricsSource, RejectedReading } from "../control/ports.ts";
import type { CredentialSecrets } from "../kube/secrets.ts";
import type { MetricsRequest } from "../kube/targets.ts";
import {
  createPrometheusSource,
  type PrometheusCredentials,
} from "../metrics-source/prometheus.ts";
import { createScrapeSource } from "../metrics-source/scrape.ts";

export interface KubeMetricsOptions {
  readonly secrets: CredentialSecrets;
  /** Which addresses a profile may name as its Prometheus. */
  readonly prometheusAllow: readonly string[];
  readonly timing: Timing;
  /** Wall-clock seconds. */
  readonly now: () => number;
}

type Prometheus = NonNullable<PerformanceProfile["spec"]["metrics"]["prometheus"]>;

/** Port of the pods that is read where a profile says nothing of metrics. */
const defaultPort = "metrics";

/** The metrics source that a profile asks for: its Prometheus, or the pods themselves. */
export function createKubeMetrics(
  options: KubeMetricsOptions,
): (request: MetricsRequest) => MetricsSource {
  const { secrets, prometheusAllow, timing, now } = options;
  return ({ profile, pages, readyPods }) => {
    const { prometheus, scrape } = profile.spec.metrics;
    if (prometheus === undefined) {
      const port = scrape?.port ?? defaultPort;
      return createScrapeSource({
        pages: () => pages(port),
        scrapeSeconds: timing.scrapeSeconds,
        longestWindowSeconds: timing.longestWindowSeconds,
        now,
      });
    }
    const { namespace } = profile.metadata;
    return createPrometheusSource({
      url: prometheus.url,
      timeoutSeconds: prometheus.timeoutSeconds,
      headers: prometheus.headers,
      credentials: () => loadCredentials(secrets, namespace, prometheus),
      matchers: matchersOf(profile),
      scrapeSeconds: timing.scrapeSeconds,
      expectedPods: readyPods,
      allow: prometheusAllow,
      now,
    });
  };
}

/** Keys of the Secrets are those of the types kubernetes.io/basic-auth and service-account-token. */
async function loadCredentials(
  secrets: CredentialSecrets,
  namespace: string,
  { auth, caSecretName }: Prometheus,
): Promise<PrometheusCredentials | RejectedReading> {
  const read = async (name: string, keys: readonly string[]) => {
    const secret = await secrets.read(namespace, name);
    if (!secret.ok) return secret;
    const missing = keys.filter((key) => (secret.data[key] ?? "") === "");
    if (missing.length === 0) return secret;
    const detail = `the Secret "${name}" has no ${missing.join(", no ")}`;
    return { ok: false, reason: "MetricsCredentialsMissing", detail } as const;
  };
  let credentials: PrometheusCredentials = {};
  if (auth !== undefined) {
    const keys = auth.type === "Bearer" ? ["token"] : ["username", "password"];
    const secret = await read(auth.secretName, keys);
    if (!secret.ok) return secret;
    const { token = "", username = "", password = "" } = secret.data;
    const authorization =
      auth.type === "Bearer"
        ? `Bearer ${token}`
        : `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
    credentials = { authorization };
  }
  if (caSecretName !== undefined) {
    const secret = await read(caSecretName, ["ca.crt"]);
    if (!secret.ok) return secret;
    credentials = { ...credentials, ca: secret.data["ca.crt"] ?? "" };
  }
  return credentials;
}

/** The series of the target's pods, as the names of a Deployment's pods are built. */
function matchersOf({ metadata, spec }: PerformanceProfile): readonly LabelMatcher[] {
  const { kind, name } = spec.targetRef;
  const escaped = name.replaceAll(".", "\\.");
  const suffix = kind === "Deployment" ? "-[a-z0-9]{1,10}-[a-z0-9]{5}" : "-[a-z0-9-]+";
  return [
    { name: "namespace", operator: "=", value: metadata.namespace },
    { name: "pod", operator: "=~", value: `${escaped}${suffix}` },
  ];
}
