import { SingleBar } from "cli-progress";
import { formatMs, formatSeconds } from "../terminal.ts";

/** Lines for people: what runs, how far it is, what it came to. */
export interface Progress {
  /** A line of its own. */
  say(line: string): void;
  /** Something that takes a while. `total`: how many steps it has, where that is known. */
  begin(name: string, total?: number): Step;
}

export interface Step {
  advance(): void;
  /** Writes the result with the time that it took. */
  end(result: string): void;
}

/** Without a terminal there is no bar; then a line this often shows that something goes on. */
const quietMs = 10_000;

/** On a terminal a bar, else a line from time to time. */
export function createProgress(stream: NodeJS.WriteStream = process.stdout): Progress {
  const write = (line: string) => stream.write(`${line}\n`);
  return {
    say: write,
    begin(name, total) {
      const startMs = performance.now();
      const bar = stream.isTTY ? openBar(stream, name, total) : undefined;
      let steps = 0;
      let spokenMs = startMs;
      if (bar === undefined) write(`${name} …`);
      return {
        advance() {
          steps += 1;
          bar?.increment();
          if (bar !== undefined || performance.now() - spokenMs < quietMs) return;
          spokenMs = performance.now();
          const passed = formatDuration(performance.now() - startMs);
          write(`${name} … ${total === undefined ? passed : `${steps} of ${total}`}`);
        },
        end(result) {
          bar?.stop();
          write(`${name}: ${result} (${formatDuration(performance.now() - startMs)})`);
        },
      };
    },
  };
}

function formatDuration(ms: number): string {
  return ms < 60_000 ? formatMs(ms) : formatSeconds(ms / 1000);
}

function openBar(stream: NodeJS.WriteStream, name: string, total: number | undefined) {
  const bar = new SingleBar({
    stream,
    format:
      total === undefined ? "{name} … {duration_formatted}" : "{name} [{bar}] {value} of {total}",
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(total ?? 1, 0, { name });
  return bar;
}
