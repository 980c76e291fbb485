import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { prepareTool } from "../pins/tool.ts";

export const helmMajors = [3, 4] as const;

/** Both are in use: 3 merges three ways on the client, 4 applies server-side. */
export type HelmMajor = (typeof helmMajors)[number];

export interface HelmOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Helm {
  readonly major: HelmMajor;
  /** Runs Helm and gives what came of it. */
  attempt(args: readonly string[]): Promise<HelmOutcome>;
  /** The same for what has to succeed; gives standard output. @throws an Error with Helm's own words */
  run(args: readonly string[]): Promise<string>;
}

export interface HelmOptions {
  /** Directory for what Helm keeps, so that the settings and caches of the user stay out of it. */
  readonly directory: string;
  /** Of the cluster that it talks to. Absent: none. */
  readonly kubeconfig?: string;
}

/** Helm of one major version. @throws StackFault where it cannot be had */
export async function prepareHelm(major: HelmMajor, options: HelmOptions): Promise<Helm> {
  const program = await prepareTool(`helm${major}`);
  const home = join(options.directory, `helm${major}`);
  mkdirSync(home, { recursive: true });
  const env = {
    ...process.env,
    HELM_CACHE_HOME: join(home, "cache"),
    HELM_CONFIG_HOME: join(home, "config"),
    HELM_DATA_HOME: join(home, "data"),
    // A file that is not there: without it Helm would find the cluster of whoever runs this.
    KUBECONFIG: options.kubeconfig ?? join(home, "no-kubeconfig"),
  };
  const attempt = async (args: readonly string[]): Promise<HelmOutcome> => {
    const helm = Bun.spawn([program, ...args], {
      env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, exitCode] = await Promise.all([
      helm.stdout.text(),
      helm.stderr.text(),
      helm.exited,
    ]);
    return { exitCode, stdout, stderr };
  };
  return {
    major,
    attempt,
    async run(args) {
      const { exitCode, stdout, stderr } = await attempt(args);
      if (exitCode !== 0) throw new Error(`helm ${args.join(" ")}: ${stderr.trim()}`);
      return stdout;
    },
  };
}
