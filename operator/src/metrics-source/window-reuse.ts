import type { Reading } from "../control/ports.ts";

/** Answers to windows, kept for as long as they say what a new one would. */
export interface WindowReuse {
  /**
   * The answer to `query`, which asks for the `seconds` that end at `atSeconds`: one that is young
   * enough, else what `ask` gives. What is asked for at the same time is asked for once.
   */
  window(
    query: { readonly text: string; readonly seconds: number; readonly atSeconds: number },
    ask: () => Promise<Reading>,
  ): Promise<Reading>;
}

/**
 * A window is answered by one that ended this share of its length ago: as much as the history of the
 * scrape source may be off by. The window itself says when it ended.
 */
const reuseShare = 1 / 24;

/**
 * More than all classes and objectives of a target ask for on the grid of windows (some 20); each answer
 * is some hundred series.
 */
const mostAnswers = 64;

/**
 * Keeps what a query came to, never a rejection. A window whose share is less than half a scrape (of
 * under 180 s at 15 s) is asked for anew each time: slices, and what pods run at this moment.
 */
export function createWindowReuse({ scrapeSeconds }: { scrapeSeconds: number }): WindowReuse {
  const kept = new Map<
    string,
    { readonly atSeconds: number; readonly reading: Promise<Reading> }
  >();

  return {
    async window({ text, seconds, atSeconds }, ask) {
      const allowed = seconds * reuseShare;
      if (allowed < scrapeSeconds / 2) return ask();
      const known = kept.get(text);
      // A clock that was set back makes answers of the future, which are of no age.
      const age = known === undefined ? Infinity : Math.abs(atSeconds - known.atSeconds);
      if (known !== undefined && age < allowed) return known.reading;
      const answer = { atSeconds, reading: ask() };
      // The newest stands last, so that the first is the one to go.
      kept.delete(text);
      kept.set(text, answer);
      const [oldest] = kept.keys();
      if (oldest !== undefined && kept.size > mostAnswers) kept.delete(oldest);
      const reading = await answer.reading;
      if (!reading.ok && kept.get(text) === answer) kept.delete(text);
      return reading;
    },
  };
}
