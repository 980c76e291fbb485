import { Command, CommanderError, Option } from "commander";
import { type LogLevel, logLevels } from "@mestore/telemetry/logger";
import { z } from "zod";
import { createAddressGuard } from "./metrics-source/address-guard.ts";

/** What the operator runs with. Nothing of it is read from the environment. */
export type Config = FileConfig | KubernetesConfig;

interface CommonConfig {
  /** Port of the operator's own `/metrics`; 0: a free one, printed in the log. */
  readonly metricsPort: number;
  /** Divides every period of the laws; at least 1. */
  readonly timeScale: number;
  readonly logLevel: LogLevel;
}

export interface FileConfig extends CommonConfig {
  readonly source: "file";
  /** Directory of PerformanceProfile YAML. */
  readonly profilesDirectory: string;
  /** The tuning document, replaced whole. */
  readonly tuningFile: string;
  /** Directory of the status for people and of the loop's memory. */
  readonly statusDirectory: string;
  /** Address of the service's `/metrics`. */
  readonly scrapeUrl: string;
}

export interface KubernetesConfig extends CommonConfig {
  readonly source: "kubernetes";
  /** `run` until stopped; `release` lets every profile go, once, before the operator is removed. */
  readonly task: "run" | "release";
  /** Null: the service account of the pod. */
  readonly kubeconfig: string | null;
  /** Where the pod finds its service account; null: where kubelet mounts it by default. */
  readonly serviceAccountDirectory: string | null;
  /** Whose profiles are worked on; empty: the namespace of the pod or of the kubeconfig; null: all. */
  readonly namespaces: readonly string[] | null;
  readonly lease: {
    /** Null: the namespace of the pod or of the kubeconfig. */
    readonly namespace: string | null;
    readonly name: string;
    readonly durationSeconds: number;
    readonly renewDeadlineSeconds: number;
    readonly retrySeconds: number;
  };
  /** Which addresses a profile may name as its Prometheus. */
  readonly prometheusAllow: readonly string[];
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  /** `exitCode` 0 for `--help`, 2 for wrong usage. */
  | { readonly ok: false; readonly exitCode: number; readonly text: string };

/** The port that Kubernetes operators serve their metrics on by convention (controller-runtime). */
const defaultMetricsPort = 8080;

/** Each has five watches, and Bun keeps 256 requests open at a time. */
const mostNamespaces = 40;

/** The defaults of client-go's leader election. */
const leaseDefaults = { duration: 15, renewDeadline: 10, retry: 2 } as const;

const wrong = (text: string) => ({ error: text });
const seconds = (least: number) =>
  z.coerce
    .number(wrong(`must be a number of seconds, at least ${least}`))
    .min(least, wrong(`must be at least ${least} s`))
    .max(3600, wrong("must be at most 3600 s"));
const label = z
  .string()
  .max(63, wrong("must be a lower-case DNS label"))
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, wrong("must be a lower-case DNS label"));

const allowedAddress = z.string().superRefine((text, context) => {
  try {
    createAddressGuard([text]);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
  }
});

const commonSchema = {
  metricsPort: z.coerce
    .number(wrong("must be a port from 0 to 65535"))
    .int(wrong("must be a port from 0 to 65535"))
    .min(0, wrong("must be a port from 0 to 65535"))
    .max(65_535, wrong("must be a port from 0 to 65535")),
  timeScale: z.coerce
    .number(wrong("must be a number of at least 1"))
    .min(1, wrong("must be a number of at least 1"))
    .max(1000, wrong("must be at most 1000")),
  logLevel: z.enum(logLevels),
};

const fileSchema = z
  .strictObject({
    ...commonSchema,
    profiles: z.string(missing()).min(1, wrong("must name a directory")),
    tuningFile: z.string(missing()).min(1, wrong("must name a file")),
    statusDir: z.string(missing()).min(1, wrong("must name a directory")),
    scrape: z.url({ protocol: /^https?$/, error: "must be an http or https address" }),
  })
  .transform(({ profiles, tuningFile, statusDir, scrape, ...common }): FileConfig => ({
    source: "file",
    profilesDirectory: profiles,
    tuningFile,
    statusDirectory: statusDir,
    scrapeUrl: scrape,
    ...common,
  }));

const kubernetesSchema = z
  .strictObject({
    ...commonSchema,
    kubeconfig: z.string().min(1, wrong("must name a file")).optional(),
    serviceAccountDir: z.string().min(1, wrong("must name a directory")).optional(),
    namespace: z
      .array(label)
      .max(mostNamespaces, wrong(`names more than ${mostNamespaces}: use --all-namespaces`))
      .optional(),
    allNamespaces: z.literal(true).optional(),
    leaseNamespace: label.optional(),
    leaseName: z
      .string()
      .max(253)
      .regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, wrong("must be a lower-case DNS name")),
    leaseDuration: seconds(1),
    leaseRenewDeadline: seconds(0.5),
    leaseRetry: seconds(0.1),
    prometheusAllow: z.array(allowedAddress).optional(),
  })
  .check(({ value, issues }) => {
    const complain = (name: string, message: string) =>
      issues.push({ code: "custom", input: value, path: [name], message });
    if (value.namespace !== undefined && value.allNamespaces === true)
      complain("allNamespaces", "and --namespace exclude each other");
    if (value.leaseRenewDeadline >= value.leaseDuration)
      complain("leaseRenewDeadline", "must be below --lease-duration");
    if (value.leaseRetry >= value.leaseRenewDeadline)
      complain("leaseRetry", "must be below --lease-renew-deadline");
  })
  .transform(({ metricsPort, timeScale, logLevel, ...own }): Omit<KubernetesConfig, "task"> => ({
    source: "kubernetes",
    kubeconfig: own.kubeconfig ?? null,
    serviceAccountDirectory: own.serviceAccountDir ?? null,
    namespaces: own.allNamespaces === true ? null : (own.namespace ?? []),
    lease: {
      namespace: own.leaseNamespace ?? null,
      name: own.leaseName,
      durationSeconds: own.leaseDuration,
      renewDeadlineSeconds: own.leaseRenewDeadline,
      retrySeconds: own.leaseRetry,
    },
    prometheusAllow: own.prometheusAllow ?? [],
    metricsPort,
    timeScale,
    logLevel,
  }));

function missing() {
  return wrong("is needed with --source file");
}

const several = (value: string, before: readonly string[] = []) => [...before, value];

function createCommand(): Command {
  const command = new Command("mestore-operator")
    .description(
      "Keeps a service inside its performance objectives: reads its metrics, decides by the control laws, writes its tuning document.",
    )
    .argument("[task]", "release: put back what was adopted, let every profile go, and end")
    .addOption(
      new Option("--source <kind>", "where profiles live and tuning goes")
        .choices(["file", "kubernetes"])
        .makeOptionMandatory(),
    )
    .optionsGroup("With --source file:")
    .option("--profiles <dir>", "directory of PerformanceProfile YAML")
    .option("--tuning-file <file>", "the tuning document that the service reads")
    .option("--status-dir <dir>", "where status and the loop's memory are written")
    .option("--scrape <url>", "address of the service's /metrics")
    .optionsGroup("With --source kubernetes:")
    .option("--kubeconfig <file>", "default: the service account of the pod")
    .option(
      "--service-account-dir <dir>",
      "token, ca.crt and namespace of the pod; default: /var/run/secrets/kubernetes.io/serviceaccount",
    )
    .option("--namespace <name>", "whose profiles, repeatable; default: its own", several)
    .option("--all-namespaces", "the profiles of all namespaces")
    .option("--lease-namespace <name>", "where the lease lives; default: its own")
    .option("--lease-name <name>", "of those with one name, one works", "mestore-operator")
    .option(
      "--lease-duration <seconds>",
      "others wait so long for a leader that fell silent",
      String(leaseDefaults.duration),
    )
    .option(
      "--lease-renew-deadline <seconds>",
      "a leader that cannot renew for so long stops",
      String(leaseDefaults.renewDeadline),
    )
    .option(
      "--lease-retry <seconds>",
      "between renewals and between attempts",
      String(leaseDefaults.retry),
    )
    .option(
      "--prometheus-allow <address>",
      "what profiles may name as their Prometheus: host, host:port, *.domain, a base address, or *; repeatable; default: none",
      several,
    )
    .optionsGroup("Always:")
    .option(
      "--metrics-port <port>",
      "port of the operator's own /metrics; 0 takes a free one",
      String(defaultMetricsPort),
    )
    .option(
      "--time-scale <n>",
      "divides every period of the laws; for demonstrations and tests, never for a service that matters",
      "1",
    )
    .addOption(
      new Option("--log-level <level>", "least level that is logged")
        .choices(logLevels)
        .default("info"),
    )
    .helpOption("-h, --help", "print this text");
  return command.allowExcessArguments(false);
}

/** Flags of one source make no sense with the other. */
const fileFlags = ["profiles", "tuningFile", "statusDir", "scrape"] as const;
const kubernetesFlags = [
  ...[
    "kubeconfig",
    "serviceAccountDir",
    "namespace",
    "allNamespaces",
    "leaseNamespace",
    "leaseName",
  ],
  ...["leaseDuration", "leaseRenewDeadline", "leaseRetry", "prometheusAllow"],
] as const;

/** Parses the arguments behind the program's name. Every wrong value is named at once. */
export function parseConfig(args: readonly string[]): ParsedConfig {
  let text = "";
  const collect = (part: string) => {
    text += part;
  };
  const command = createCommand()
    .exitOverride()
    .configureOutput({ writeOut: collect, writeErr: collect });
  try {
    command.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { ok: false, exitCode: error.exitCode === 0 ? 0 : 2, text };
  }
  const { source, ...options } = command.opts<{ source: Config["source"] }>();
  const [task] = command.args;
  const isFile = source === "file";
  const foreign = isFile ? kubernetesFlags : fileFlags;
  const complaints = foreign
    .filter((flag) => command.getOptionValueSource(flag) === "cli")
    .map((flag) => `${flagOf(flag)} makes no sense with --source ${source}`);
  if (task !== undefined && (isFile || task !== "release"))
    complaints.push(`there is no task "${task}" with --source ${source}`);

  const own = Object.fromEntries(
    Object.entries(options).filter(([name]) => !(foreign as readonly string[]).includes(name)),
  );
  const parsed = (isFile ? fileSchema : kubernetesSchema).safeParse(own);
  if (!parsed.success)
    complaints.push(
      ...parsed.error.issues.map(({ path, message }) => `${flagOf(String(path[0]))} ${message}`),
    );
  if (complaints.length > 0 || !parsed.success)
    return { ok: false, exitCode: 2, text: complaints.map((one) => `error: ${one}\n`).join("") };
  const { data } = parsed;
  return {
    ok: true,
    config:
      data.source === "file" ? data : { ...data, task: task === "release" ? "release" : "run" },
  };
}

/** `tuningFile` is `--tuning-file`. */
function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
