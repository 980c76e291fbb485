import { join } from "node:path";
import { openGuardedRoom } from "@mestore/tools/stack/death-guard";
import { readBirth, readResidentBytes } from "@mestore/tools/stack/process";
import { waitFor } from "@mestore/tools/stack/wait-for";

export type LogLine = Readonly<Record<string, unknown>>;

/** The operator as its own process. */
export interface OperatorProcess {
  readonly pid: number;
  /** Lines of its log so far. */
  readonly log: readonly LogLine[];
  /** Its exit code, once every line of its log is here too. */
  readonly exited: Promise<number>;
  kill(signal: NodeJS.Signals): void;
  /** Whether a line carries all of these fields. */
  logged(fields: LogLine): boolean;
  /** Whether it holds the lease, as its log says. */
  leads(): boolean;
  /** Sum of its own series of this metric whose labels include these; 0 where there is none. */
  metric(
    metric: { readonly name: string },
    labels?: Readonly<Record<string, string>>,
  ): Promise<number>;
  /** What it answers to a Prometheus. */
  metricsPage(): Promise<string>;
  /** Status code of a probe. */
  probe(path: "/livez" | "/readyz"): Promise<number>;
  residentBytes(): number;
}

const main = join(import.meta.dir, "../src/main.ts");

/** Starts an operator on a free port of its own. It does not outlive the process of the test. */
export async function startOperator(args: readonly string[]): Promise<OperatorProcess> {
  const room = await openGuardedRoom();
  const child = Bun.spawn([process.execPath, main, ...args, "--metrics-port", "0"], {
    stdout: "pipe",
    stderr: "inherit",
  });
  room.guard({ pid: child.pid, birth: readBirth(child.pid) ?? "" });
  const log: LogLine[] = [];
  const read = readLines(child.stdout, (line) => log.push(JSON.parse(line) as LogLine));
  const exited = (async () => {
    const code = await child.exited;
    room.release(child.pid);
    await read;
    return code;
  })();
  const fetchOwn = async (path: string) => {
    const started = await waitFor(() => log.find(({ msg }) => msg === "started"), {
      what: "the operator to start",
      timeoutMs: 30_000,
    });
    const { port } = new URL(String(started["metricsUrl"]));
    return fetch(`http://127.0.0.1:${port}${path}`);
  };
  const metricsPage = async () => (await fetchOwn("/metrics")).text();
  return {
    pid: child.pid,
    log,
    exited,
    kill: (signal) => child.kill(signal),
    logged: (fields) => log.some((line) => Bun.deepMatch(fields, line)),
    leads() {
      const last = log.findLast(({ msg }) => msg === "leading" || msg === "the lease is lost");
      return last?.["msg"] === "leading";
    },
    async metric({ name }, labels = {}) {
      const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
      return (await metricsPage())
        .split("\n")
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        .filter((line) => wanted.every((pair) => line.includes(pair)))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
    },
    metricsPage,
    probe: async (path) => (await fetchOwn(path)).status,
    residentBytes: () => readResidentBytes(child.pid) ?? 0,
  };
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
}
