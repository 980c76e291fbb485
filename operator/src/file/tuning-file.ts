import { formatFaults } from "@mestore/contract/fault";
import { formatTuningDocument, parseTuningDocument } from "@mestore/contract/tuning-document";
import type { TuningDelivery } from "../control/ports.ts";
import { readIfPresent, removeDrafts, replaceFile } from "./atomic-file.ts";

/** A tuning document has some hundred bytes; more is not one. */
const maximumBytes = 64 * 1024;

export interface TuningFileOptions {
  readonly path: string;
  /** Told once for each text that is no tuning document. It counts as none, and the next write replaces it. */
  readonly onInvalid: (detail: string) => void;
}

/**
 * TuningDelivery to one file, which serves one target whatever profile tunes it. Drafts of a killed
 * predecessor are removed first.
 */
export async function createTuningFile(options: TuningFileOptions): Promise<TuningDelivery> {
  const { path, onInvalid } = options;
  await removeDrafts(path);
  let refused: string | null = null;
  return {
    async read() {
      const text = await readIfPresent(path, maximumBytes);
      if (text === null) return null;
      const parsed = parseTuningDocument(text);
      if (parsed.ok) {
        refused = null;
        return parsed.value;
      }
      if (text !== refused) onInvalid(formatFaults(parsed.faults));
      refused = text;
      return null;
    },
    write: (_key, document) => replaceFile(path, formatTuningDocument(document)),
  };
}
