import type { CacheClass, CacheClassDefinition } from "@mestore/contract/cache-classes";
import type { FieldFault } from "@mestore/contract/fault";
import { parseTuningDocument, type TuningDocument } from "@mestore/contract/tuning-document";

/** TTLs in seconds by class; a class that is absent keeps the one it runs. */
export type TtlSecondsByClass = Partial<Readonly<Record<CacheClass, number>>>;

type Classes = Readonly<Record<CacheClass, CacheClassDefinition>>;

/** A TTL that the document put outside the safe range of its class. */
export interface ClampedTtl {
  readonly class: CacheClass;
  readonly askedSeconds: number;
  readonly givenSeconds: number;
}

export type ClampedTuning =
  | {
      readonly ok: true;
      readonly ttlSeconds: TtlSecondsByClass;
      readonly clamped: readonly ClampedTtl[];
    }
  | { readonly ok: false; readonly faults: readonly FieldFault[] };

/**
 * Brings every TTL of a document into the safe range of its class. A class that this service does
 * not have refuses the whole document: half of a decision is not that decision.
 */
export function clampTuning(
  document: Pick<TuningDocument, "ttlSeconds">,
  classes: Classes,
): ClampedTuning {
  const ttlSeconds: Partial<Record<CacheClass, number>> = {};
  const clamped: ClampedTtl[] = [];
  const faults: FieldFault[] = [];
  for (const [name, askedSeconds] of Object.entries(document.ttlSeconds)) {
    if (!isCacheClass(name, classes)) {
      faults.push({ path: `ttlSeconds.${name}`, message: "no cache class of this service" });
      continue;
    }
    const { minTtlSeconds, maxTtlSeconds } = classes[name];
    const givenSeconds = Math.min(maxTtlSeconds, Math.max(minTtlSeconds, askedSeconds));
    ttlSeconds[name] = givenSeconds;
    if (givenSeconds !== askedSeconds) clamped.push({ class: name, askedSeconds, givenSeconds });
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, ttlSeconds, clamped };
}

function isCacheClass(name: string, classes: Classes): name is CacheClass {
  return Object.hasOwn(classes, name);
}

/** A setting of a document that this service does not obey: its pool cannot be resized. */
export type UnsupportedSetting = "poolSize";

/** A document as this service obeys it. */
export interface AcceptedTuning {
  readonly document: TuningDocument;
  readonly ttlSeconds: TtlSecondsByClass;
  readonly clamped: readonly ClampedTtl[];
  /** What the document sets in vain. */
  readonly unsupported: readonly UnsupportedSetting[];
}

export type ReadTuning =
  | { readonly ok: true; readonly tuning: AcceptedTuning }
  | { readonly ok: false; readonly faults: readonly FieldFault[] };

/** Parses and clamps the text of a tuning file. */
export function readTuning(text: string, classes: Classes): ReadTuning {
  const parsed = parseTuningDocument(text);
  if (!parsed.ok) return parsed;
  const clamped = clampTuning(parsed.value, classes);
  if (!clamped.ok) return clamped;
  return {
    ok: true,
    tuning: {
      document: parsed.value,
      ttlSeconds: clamped.ttlSeconds,
      clamped: clamped.clamped,
      unsupported: parsed.value.poolSize === undefined ? [] : ["poolSize"],
    },
  };
}
