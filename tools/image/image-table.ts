import { heapEnvironment } from "@mestore/operator/kube/heap-environment";

/** The images that we build: what a container of each runs, and as whom. The Dockerfiles say the same. */

export const programNames = ["service", "operator", "demo"] as const;

/** Programs of ours, each compiled into one executable. */
export type ProgramName = (typeof programNames)[number];

export const storeNames = ["postgresql", "valkey", "prometheus"] as const;

/** Stores for an evaluation, made of the binaries that `./mestore up` and the tests run. */
export type StoreName = (typeof storeNames)[number];

export const imageNames = [...programNames, ...storeNames] as const;

export type ImageName = (typeof imageNames)[number];

/** What a container does unless it is told otherwise, in the words of the OCI image configuration. */
export interface ImageSettings {
  readonly title: string;
  readonly description: string;
  /** SPDX expression of what the image holds beside the base libraries. */
  readonly licenses: string;
  readonly entrypoint: readonly string[];
  /** Arguments unless others are given. */
  readonly command: readonly string[];
  /** TCP ports by what listens there. */
  readonly ports: Readonly<Record<string, number>>;
  /** Directories that hold data; owned by the user of the image. */
  readonly volumes: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** What ends the process in an orderly way. */
  readonly stopSignal: "SIGTERM" | "SIGINT";
  /** Run inside the container; exit code 0 is well. Null where there is nothing to ask. */
  readonly healthCheck: readonly string[] | null;
}

/**
 * The number that distroless images call `nonroot`. A number, not a name: with `runAsNonRoot` a
 * kubelet refuses a user that it cannot tell from root.
 */
export const imageUser = { name: "nonroot", uid: 65_532, gid: 65_532 } as const;

/** Group and domain of the image references, as of the API group. */
export const imageRepository = "mestore.dev";

const program = {
  licenses: "Apache-2.0",
  command: [],
  volumes: [],
  environment: {},
  workingDirectory: "/",
  stopSignal: "SIGTERM",
  healthCheck: null,
} as const satisfies Partial<ImageSettings>;

/** The data of the official image of PostgreSQL 18 and newer lies in a folder of its volume, too. */
const postgresVolume = "/var/lib/postgresql";

export const images: Readonly<Record<ImageName, ImageSettings>> = {
  service: {
    ...program,
    title: "MeStore service",
    description: "The marketplace: the storefront API and its cache.",
    entrypoint: ["/app/mestore-service"],
    ports: { http: 8000, metrics: 9464 },
    healthCheck: ["/app/mestore-service", "health"],
  },
  operator: {
    ...program,
    title: "MeStore operator",
    description:
      "Keeps a service inside its performance objectives by tuning it from live metrics.",
    entrypoint: ["/app/mestore-operator"],
    environment: heapEnvironment,
    ports: { metrics: 8080 },
  },
  demo: {
    ...program,
    title: "MeStore demonstration catalogue",
    description: "Fills an empty catalogue once, for an evaluation.",
    entrypoint: ["/app/mestore-demo"],
    command: ["--postgres-env", "DATABASE_URL"],
    ports: {},
  },
  postgresql: {
    title: "PostgreSQL for an evaluation of MeStore",
    description:
      "One small server without shell tools; the variables of the official image, its volume too.",
    licenses: "PostgreSQL",
    entrypoint: ["/usr/local/bin/docker-entrypoint.sh"],
    command: ["postgres"],
    ports: { postgresql: 5432 },
    volumes: [postgresVolume],
    environment: {
      PATH: "/usr/local/bin:/opt/postgresql/bin:/bin",
      PGDATA: `${postgresVolume}/18/docker`,
      LC_ALL: "C",
      TZ: "UTC",
    },
    workingDirectory: "/",
    // The fast shutdown: open transactions roll back, clients are not waited for.
    stopSignal: "SIGINT",
    healthCheck: null,
  },
  valkey: {
    title: "Valkey for an evaluation of MeStore",
    description: "One small server that keeps nothing on disk unless it is told to.",
    licenses: "BSD-3-Clause",
    entrypoint: ["/usr/local/bin/valkey-server"],
    command: ["--save", "", "--protected-mode", "no"],
    ports: { valkey: 6379 },
    volumes: ["/data"],
    environment: { PATH: "/usr/local/bin" },
    workingDirectory: "/data",
    stopSignal: "SIGTERM",
    healthCheck: null,
  },
  prometheus: {
    title: "Prometheus for an evaluation of MeStore",
    description: "The server alone, with the paths and arguments of the official image.",
    licenses: "Apache-2.0",
    entrypoint: ["/bin/prometheus"],
    command: ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"],
    ports: { http: 9090 },
    volumes: ["/prometheus"],
    environment: { PATH: "/bin" },
    workingDirectory: "/prometheus",
    stopSignal: "SIGTERM",
    healthCheck: null,
  },
};

/** `mestore.dev/service:0.1.0` */
export function referenceOf(name: ImageName, version: string): string {
  return `${imageRepository}/${name}:${version}`;
}
