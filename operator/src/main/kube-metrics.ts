import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import type { LabelMatcher } from "@mestore/contract/promql";
import { createTiming, type Timing } from "@mestore/laws/timing";
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
      matchers: () => matchersOf(profile, readyPods()),
      scrapeSeconds: scrapeSecondsOf(prometheus, timing),
      expectedPods: readyPods,
      allow: prometheusAllow,
      now,
    });
  };
}

/** A time scale divides the interval of a Prometheus too. */
function scrapeSecondsOf({ scrapeIntervalSeconds }: Prometheus, timing: Timing): number {
  return (scrapeIntervalSeconds / createTiming().scrapeSeconds) * timing.scrapeSeconds;
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

/**
 * What picks out the series of the target: the labels that the profile names, else its namespace and the
 * names of its pods as their controller builds them.
 * @param readyPods names of pods that are ready now; empty where that is not known
 */
export function matchersOf(
  { metadata, spec }: PerformanceProfile,
  readyPods: readonly string[],
): readonly LabelMatcher[] {
  const own = spec.metrics.prometheus?.matchers ?? [];
  if (own.length > 0) return own.map(({ name, value }) => ({ name, operator: "=", value }));
  return [
    { name: "namespace", operator: "=", value: metadata.namespace },
    { name: "pod", operator: "=~", value: podPattern(spec.targetRef, readyPods) },
  ];
}

/**
 * The API server cuts what a generated name begins with, and adds five characters
 * (k8s.io/apiserver/pkg/storage/names): a pod's name has 63 characters at most.
 */
const generatedPrefixCharacters = 58;
const random = "[a-z0-9]{5}";

/** A regular expression, RE2 and anchored at both ends, that the names of the target's pods match. */
function podPattern(
  { apiVersion, kind, name }: PerformanceProfile["spec"]["targetRef"],
  readyPods: readonly string[],
): string {
  if (apiVersion.startsWith("apps/")) {
    if (kind === "Deployment") return deploymentPodPattern(name);
    if (kind === "StatefulSet") return `${escapePattern(name)}-[0-9]+`;
  }
  if (readyPods.length === 0) return `${escapePattern(name)}-[a-z0-9-]+`;
  // A controller nobody knows here. Those that went in the window were named like those that are there.
  return [...new Set(readyPods.map(siblingPattern))].sort().join("|");
}

/** `NAME-HASH-RANDOM`, where the hash of the template has one to ten characters. */
function deploymentPodPattern(name: string): string {
  const kept = escapePattern(name.slice(0, generatedPrefixCharacters));
  const left = generatedPrefixCharacters - name.length;
  if (left >= "-0123456789-".length) return `${kept}-[a-z0-9]{1,10}-${random}`;
  if (left <= 0) return `${kept}${random}`;
  // The dash before the hash and so much of the hash remain; of a hash that is shorter, all.
  const cut = `[a-z0-9]{${left - 1 + 5}}`;
  return left < 3 ? `${kept}-${cut}` : `${kept}-(?:${cut}|[a-z0-9]{1,${left - 2}}-${random})`;
}

/** The name of a pod and of those that its controller gives names alike. */
function siblingPattern(pod: string): string {
  if (pod.length === generatedPrefixCharacters + 5)
    return `${escapePattern(pod.slice(0, generatedPrefixCharacters))}${random}`;
  const dash = pod.lastIndexOf("-");
  return dash < 0 ? escapePattern(pod) : `${escapePattern(pod.slice(0, dash))}-[a-z0-9]+`;
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
