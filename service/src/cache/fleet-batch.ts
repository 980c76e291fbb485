import { ByteReader, ByteWriter } from "./byte-cursor.ts";
import type { Renewal } from "./sample-pair.ts";

/**
 * What one process tells the others once a second, as one entry of the fleet's stream: the sampled
 * references of each class, its look-ups, and what it found due for the samples. Times are ms of the
 * clock of Redis.
 *
 * ```text
 * version u8, kind u8 (0 batch, 1 begin, 2 last batch of its process), process f64, sequence u32,
 * startMs f64, spanMs u32, number of sections u8, then each:
 *   class (u8 length, text), look-ups u32, unkept u32, threshold f64, newest sample f64,
 *   renewal u8 (0 none, 1 start, 2 swap), its sample f64, words u32, words (u32 each)
 * ```
 */
export interface FleetBatch {
  /** `begin`: the samples of the fleet begin anew here. */
  readonly kind: "batch" | "begin" | "last";
  /** Drawn by each process at its start. */
  readonly process: number;
  /** Counts the batches of a process, so that one that was sent twice counts once. */
  readonly sequence: number;
  readonly startMs: number;
  /** The batch was sealed at `startMs + spanMs`. */
  readonly spanMs: number;
  readonly sections: readonly ClassSection[];
}

export interface ClassSection {
  readonly cacheClass: string;
  readonly lookups: number;
  readonly unkept: number;
  /** Every reference below this hash is in `words`. */
  readonly threshold: number;
  /** When the newest sample began that its process knew of; 0: it knew none. */
  readonly newestSampleMs: number;
  readonly renewal: RenewalOrder | null;
  /** As `SealedReferences.words`, from the `startMs` of the batch on. */
  readonly words: Uint32Array;
}

/** Obeyed once, by whoever comes to it: only if the sample that it is about is that which began then. */
export interface RenewalOrder {
  readonly kind: Renewal;
  readonly sampleMs: number;
}

/** Grows with every change of the layout or of the folding. Processes of two versions form two fleets. */
export const fleetVersion = 1;

const kinds = ["batch", "begin", "last"] as const;
const renewals = [null, "start", "swap"] as const;

export function encodeBatch(batch: FleetBatch): Buffer {
  const to = new ByteWriter();
  to.u8(fleetVersion);
  to.u8(kinds.indexOf(batch.kind));
  to.f64(batch.process);
  to.u32(batch.sequence);
  to.f64(batch.startMs);
  to.u32(batch.spanMs);
  to.u8(batch.sections.length);
  for (const section of batch.sections) {
    to.text(section.cacheClass);
    to.u32(section.lookups);
    to.u32(section.unkept);
    to.f64(section.threshold);
    to.f64(section.newestSampleMs);
    to.u8(renewals.indexOf(section.renewal?.kind ?? null));
    to.f64(section.renewal?.sampleMs ?? 0);
    to.u32(section.words.length);
    to.words(section.words);
  }
  return to.finish();
}

/** Null for anything that `encodeBatch` did not write: all processes skip it alike. */
export function decodeBatch(bytes: Uint8Array): FleetBatch | null {
  try {
    return readBatch(new ByteReader(bytes));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function readBatch(from: ByteReader): FleetBatch | null {
  if (from.u8() !== fleetVersion) return null;
  const kind = kinds[from.u8()];
  if (kind === undefined) return null;
  const header = {
    kind,
    process: from.f64(),
    sequence: from.u32(),
    startMs: from.f64(),
    spanMs: from.u32(),
  };
  if (!Number.isFinite(header.startMs)) return null;
  const sections: ClassSection[] = [];
  for (let left = from.u8(); left > 0; left--) {
    const section = readSection(from);
    if (section === null) return null;
    sections.push(section);
  }
  return from.isAtEnd ? { ...header, sections } : null;
}

function readSection(from: ByteReader): ClassSection | null {
  const counts = {
    cacheClass: from.text(),
    lookups: from.u32(),
    unkept: from.u32(),
    threshold: from.f64(),
    newestSampleMs: from.f64(),
  };
  const renewal = renewals[from.u8()];
  const sampleMs = from.f64();
  const length = from.u32();
  if (renewal === undefined || length % 2 !== 0 || !(counts.threshold >= 1)) return null;
  return {
    ...counts,
    renewal: renewal === null ? null : { kind: renewal, sampleMs },
    words: from.words(length),
  };
}
