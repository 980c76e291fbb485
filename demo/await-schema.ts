import { SeedError, type SeedErrorCode } from "./seed-error.ts";

export interface SchemaWait {
  /** How long to go on trying; 0 tries once. */
  readonly waitSeconds: number;
  /** Told in one line what is waited for, when that changes and every ten seconds. */
  readonly onWait: (line: string) => void;
}

/** What a server that is starting, or a migration that is still to come, fails with. */
const passing: readonly SeedErrorCode[] = ["UNREACHABLE", "NO_SCHEMA"];

const pauseMs = 1000;
const reportEverySeconds = 10;

/**
 * Tries until the database answers and has the tables of the catalogue.
 * @throws SeedError the last one when the time is up; at once one that waiting does not mend
 */
export async function awaitSchema<T>(
  attempt: () => Promise<T>,
  { waitSeconds, onWait }: SchemaWait,
): Promise<T> {
  const started = performance.now();
  let toldCode: SeedErrorCode | undefined;
  let toldAtSeconds = 0;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const seconds = (performance.now() - started) / 1000;
      if (!(error instanceof SeedError) || !passing.includes(error.code)) throw error;
      if (seconds + pauseMs / 1000 > waitSeconds) throw error;
      if (toldCode !== error.code || seconds - toldAtSeconds >= reportEverySeconds) {
        const left = Math.round(waitSeconds - seconds);
        onWait(`Waiting, ${left} s at most: ${error.message}`);
        toldCode = error.code;
        toldAtSeconds = seconds;
      }
      await Bun.sleep(pauseMs);
    }
  }
}
