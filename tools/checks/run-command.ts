/** A program to run to its end. */
export interface Command {
  readonly words: readonly string[];
  readonly cwd: string;
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether an abort ends what it has started, too: the compilers of a build. */
  readonly withDescendants?: true;
}

export interface CommandResult {
  readonly exitCode: number;
  /** What it wrote to both its outputs, in the order it came. */
  readonly output: string;
}

/**
 * Runs a program, collects what it writes, and hands over each whole line as it comes. An abort sends
 * SIGTERM; the result is what the program made of it. Throws when there is no such program.
 */
export async function runCommand(
  { words, cwd, env, withDescendants }: Command,
  signal: AbortSignal,
  onLine: (line: string) => void = () => {},
): Promise<CommandResult> {
  const child = Bun.spawn([...words], {
    cwd,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // A process group of its own, which a signal reaches as a whole.
    detached: withDescendants === true,
  });
  const end = () => {
    if (withDescendants === true) signalGroup(child.pid);
    else child.kill("SIGTERM");
  };
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  const chunks: string[] = [];
  const collect = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    let partial = "";
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      chunks.push(chunk);
      const lines = (partial + chunk).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    }
  };
  await Promise.all([collect(child.stdout), collect(child.stderr)]);
  const exitCode = await child.exited;
  signal.removeEventListener("abort", end);
  return { exitCode, output: chunks.join("") };
}

function signalGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGTERM");
  } catch (error) {
    // It has ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
