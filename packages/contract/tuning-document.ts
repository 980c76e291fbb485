import { z } from "zod";
import { type Parsed, parseWith } from "./fault.ts";

/** The version of the document that this code writes and reads. Another version is refused. */
export const tuningSchemaVersion = 1;

/**
 * What the operator tells a service: the TTLs and pool size to run, in a JSON file that is replaced
 * whole. A service clamps every value to its own safe range, keeps the last good document when a
 * new one is invalid, and exports the revision that it runs.
 */
export const tuningDocumentSchema = z.strictObject({
  schemaVersion: z.literal(tuningSchemaVersion),
  /** Grows by one with each write; the service exports the one in force. */
  revision: z.int().min(1),
  /** `namespace/name` of the PerformanceProfile that this came from. */
  profile: z.string().min(1).max(253),
  writtenAt: z.iso.datetime(),
  /** Why these values, for a person who reads the file. */
  reason: z.string().max(512),
  /** Seconds by cache class. A class that is absent keeps the TTL it runs. */
  ttlSeconds: z.record(z.string().min(1).max(63), z.number().positive()),
  /** Database connections per process. Absent: unchanged. */
  poolSize: z.int().min(1).optional(),
});

export type TuningDocument = z.infer<typeof tuningDocumentSchema>;

/** Parses the text of a tuning file. Expected failures: not JSON, unknown keys, another version. */
export function parseTuningDocument(text: string): Parsed<TuningDocument> {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (error) {
    return {
      ok: false,
      faults: [{ path: "", message: `not JSON: ${(error as Error).message}` }],
    };
  }
  return parseWith(tuningDocumentSchema, input);
}

/** The text that goes to the file. */
export function formatTuningDocument(document: TuningDocument): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
