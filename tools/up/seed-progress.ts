import { SingleBar } from "cli-progress";
import { formatStep } from "../terminal.ts";

export interface SeedProgress {
  show(done: number, total: number): void;
  close(): void;
}

/** A bar on a terminal; elsewhere nothing, for the result says it all. */
export function createSeedProgress(total: number): SeedProgress {
  if (!process.stdout.isTTY) return { show: () => {}, close: () => {} };
  const bar = new SingleBar({
    stream: process.stdout,
    clearOnComplete: true,
    hideCursor: true,
    format: formatStep("catalogue", "[{bar}] {value} of {total} products"),
  });
  let begun = false;
  return {
    show(done, of) {
      if (!begun) bar.start(of || total, 0);
      begun = true;
      bar.update(done);
    },
    close() {
      if (begun) bar.stop();
    },
  };
}
