import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../cluster/api-client.ts";
import { openGuardedRoom } from "../stack/death-guard.ts";
import type { ChartName } from "./chart-folders.ts";
import { type Helm, type HelmMajor, prepareHelm } from "./helm.ts";
import { packageCharts } from "./package-charts.ts";

/** Kubernetes that templates are rendered for where no cluster is asked. */
export const kubernetesVersion = "1.36.3";

/** Values without which a chart does not render. */
export const leastValues: Readonly<Record<ChartName, object>> = {
  mestore: { postgresql: { existingSecret: "database" } },
  "mestore-operator": {},
  "mestore-stack": { evaluation: { enabled: true } },
};

/** Every part that is off by default, on; so that nothing that can be rendered is left out. */
export const fullValues: Readonly<Record<ChartName, object>> = {
  mestore: {
    postgresql: { url: "postgresql://shop:secret@database:5432/shop" },
    redis: { url: "redis://:secret@cache:6379" },
    profile: { enabled: true, spec: { mode: "Auto", metrics: { scrape: { port: "metrics" } } } },
    ingress: {
      enabled: true,
      className: "nginx",
      hosts: ["shop.example.org"],
      tls: [{ secretName: "shop-tls", hosts: ["shop.example.org"] }],
    },
    httpRoute: {
      enabled: true,
      parentRefs: [{ name: "web", namespace: "gateways" }],
      hostnames: ["shop.example.org"],
    },
    networkPolicy: { httpFrom: [{ namespaceSelector: { matchLabels: { team: "web" } } }] },
    imagePullSecrets: [{ name: "registry" }],
    extraEnv: [{ name: "TZ", value: "UTC" }],
    podAnnotations: { "example.org/note": "yes" },
    podLabels: { team: "shop" },
    nodeSelector: { "kubernetes.io/os": "linux" },
    tolerations: [{ key: "dedicated", operator: "Exists" }],
    affinity: { podAntiAffinity: {} },
    priorityClassName: "high",
  },
  "mestore-operator": {
    clusterWide: true,
    metricsCredentials: { enabled: true, secretNames: ["prometheus"] },
    delivery: { annotate: true },
    prometheusAllow: ["prometheus.{{ .Release.Namespace }}.svc:9090"],
    timeScale: 15,
    imagePullSecrets: [{ name: "registry" }],
    podAnnotations: { "example.org/note": "yes" },
    podLabels: { team: "shop" },
    nodeSelector: { "kubernetes.io/os": "linux" },
    tolerations: [{ key: "dedicated", operator: "Exists" }],
    affinity: { podAntiAffinity: {} },
    priorityClassName: "high",
  },
  "mestore-stack": {
    evaluation: {
      enabled: true,
      persistence: { enabled: true, storageClassName: "fast" },
      chroma: { enabled: true },
      imagePullSecrets: [{ name: "registry" }],
    },
  },
};

/** Groups of other projects' kinds, which a chart uses where a cluster has them. */
export const foreignApis = ["monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1"] as const;

export interface Rendering {
  readonly values?: object;
  /** What the cluster offers besides Kubernetes itself. */
  readonly apis?: readonly string[];
  readonly release?: string;
  readonly namespace?: string;
}

export interface Renderer {
  readonly helm: Helm;
  /** Path of a packaged chart, dependencies inside. */
  readonly packages: Readonly<Record<ChartName, string>>;
  /** A file with these values. */
  writeValues(values: object): Promise<string>;
  /** The objects that `helm template` gives, hooks and tests too. @throws Helm's refusal */
  render(chart: ChartName, rendering?: Rendering): Promise<KubeObject[]>;
  /** The same as text. */
  renderText(chart: ChartName, rendering?: Rendering): Promise<string>;
}

let written = 0;

/** Packages the charts and renders them with one Helm. What it writes goes with this process. */
export async function createRenderer(major: HelmMajor, kubeconfig?: string): Promise<Renderer> {
  const room = join((await openGuardedRoom()).directory, `charts-${major}-${(written += 1)}`);
  mkdirSync(room, { recursive: true });
  const helm = await prepareHelm(major, {
    directory: room,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  });
  const packages = await packageCharts(helm, room);
  const writeValues = async (values: object): Promise<string> => {
    const path = join(room, `values-${(written += 1)}.json`);
    await Bun.write(path, JSON.stringify(values));
    return path;
  };
  const renderText: Renderer["renderText"] = async (chart, rendering = {}) => {
    const {
      values = leastValues[chart],
      apis = [],
      release = "shop",
      namespace = "web",
    } = rendering;
    return helm.run([
      "template",
      release,
      packages[chart],
      `--namespace=${namespace}`,
      `--kube-version=${kubernetesVersion}`,
      `--values=${await writeValues(values)}`,
      ...apis.map((api) => `--api-versions=${api}`),
    ]);
  };
  return {
    helm,
    packages,
    writeValues,
    renderText,
    render: async (chart, rendering) => parseObjects(await renderText(chart, rendering)),
  };
}

/** The objects of a stream of YAML documents. @throws for what is no YAML, and for keys that stand twice */
export function parseObjects(text: string): KubeObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [fault] = document.errors;
    if (fault !== undefined) throw fault;
    const object: KubeObject = document.toJS();
    return object === null ? [] : [object];
  });
}

/** The only object of a kind, or the one of this name. @throws when there is none, or a choice */
export function findObject(
  objects: readonly KubeObject[],
  kind: string,
  name?: string,
): KubeObject {
  const found = objects.filter(
    (one) => one.kind === kind && (name === undefined || one.metadata.name === name),
  );
  if (found.length !== 1)
    throw new Error(
      `${found.length} of kind ${kind} ${name ?? ""}: ${found.map((one) => one.metadata.name).join(", ")}`,
    );
  return found[0];
}

/** Kinds and names, sorted: `Deployment shop-mestore`. */
export function listNames(objects: readonly KubeObject[]): string[] {
  return objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();
}

/** The template of an object's pods, null for what makes none. */
export function podTemplateOf(object: KubeObject): KubeObject {
  if (object.kind === "Pod") return object;
  return object.spec?.template?.spec?.containers === undefined ? null : object.spec.template;
}
