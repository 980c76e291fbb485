import { formatFaults } from "@mestore/contract/fault";
import {
  formatTuningDocument,
  parseTuningDocument,
  type TuningDocument,
} from "@mestore/contract/tuning-document";
import type { TuningDelivery } from "../control/ports.ts";
import { readIfPresent, removeDrafts, replaceFile } from "./atomic-file.ts";

/** A tuning document has some hundred bytes; more is not one. */
const maximumBytes = 64 * 1024;

export interface TuningFileOptions {
  readonly path: string;
  /**
   * Told once for each text that is no tuning document, and each reason why there is none to read. It
   * counts as none, and the next write replaces it.
   */
  readonly onInvalid: (detail: string) => void;
}

/**
 * TuningDelivery to one file, which serves one target whatever profile tunes it. What was in force
 * before the first document is not kept: nothing waits for a file to be removed, so nothing would put
 * it back. Drafts of a killed predecessor are removed first.
 */
export async function createTuningFile(options: TuningFileOptions): Promise<TuningDelivery> {
  const { path, onInvalid } = options;
  await removeDrafts(path);
  let refused: string | null = null;

  function refuse(what: string, detail: string): null {
    if (what !== refused) onInvalid(detail);
    refused = what;
    return null;
  }

  async function readDocument(): Promise<TuningDocument | null> {
    let text: string | null;
    try {
      text = await readIfPresent(path, maximumBytes);
    } catch (error) {
      const detail = (error as Error).message;
      return refuse(detail, detail);
    }
    if (text === null) return null;
    const parsed = parseTuningDocument(text);
    if (!parsed.ok) return refuse(text, formatFaults(parsed.faults));
    refused = null;
    return parsed.value;
  }

  return {
    read: async () => ({ document: await readDocument(), adopted: null, foreignOwner: null }),
    write: (_key, document) => replaceFile(path, formatTuningDocument(document)),
  };
}
