import { join } from "node:path";
import { waitFor } from "@mestore/tools/stack/wait-for";

const mainFile = join(import.meta.dir, "../src/main.ts");

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program with exactly this environment until it ends by itself. */
export async function runService(
  environment: Readonly<Record<string, string>>,
  words: readonly string[] = [],
): Promise<Ended> {
  const child = Bun.spawn([process.execPath, mainFile, ...words], {
    env: { ...environment },
    stdout: "pipe",
    stderr: "pipe",
    stdin: "ignore",
  });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, stdout, stderr };
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface ServiceProcess {
  readonly url: string;
  readonly metricsUrl: string;
  readonly pid: number;
  /** Milliseconds from the start of the process until it said that it serves. */
  readonly startedInMs: number;
  /** Every line so far. */
  log(): readonly LogLine[];
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<number>;
  /** Ends it if it still runs. */
  stop(): Promise<void>;
}

/** Starts the real program on free ports of this machine and waits until it serves. */
export async function startService(
  environment: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const child = Bun.spawn([process.execPath, mainFile], {
    env: { HOST: "127.0.0.1", PORT: "0", METRICS_PORT: "0", ...environment },
    stdout: "pipe",
    stderr: "inherit",
    stdin: "ignore",
  });
  const lines: LogLine[] = [];
  void collectLines(child.stdout, lines);
  const started = await waitFor(() => lines.find(({ msg }) => msg.startsWith("serving")), {
    what: "the service to serve",
  });
  return {
    url: String(started["url"]),
    metricsUrl: String(started["metricsUrl"]),
    startedInMs: Number(started["startedInMs"]),
    pid: child.pid,
    log: () => lines,
    signal: (signal) => child.kill(signal),
    exited: child.exited,
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function collectLines(output: ReadableStream<Uint8Array>, lines: LogLine[]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of output) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part !== "") lines.push(JSON.parse(part) as LogLine);
  }
}
