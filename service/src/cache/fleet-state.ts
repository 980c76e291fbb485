import { isChange, readBytes, readOffsetMs } from "./reference-buffer.ts";
import { SamplePair } from "./sample-pair.ts";
import { hashRange, type ShadowSample, type ShadowTotals } from "./shadow-sample.ts";
import { addMisses, contractSizes } from "./shadow.ts";
import type { ClassSection, FleetBatch } from "./fleet-batch.ts";

/**
 * The samples of the fleet, as every process gets them by folding the same entries in the same order.
 * Nothing but entries goes in, so that two processes that have come to one entry hold the same.
 */

/** One process that writes to the stream. */
export interface Member {
  lastSequence: number;
  heardMs: number;
  /** It said that it leaves. */
  gone: boolean;
}

export interface FleetClass {
  readonly samples: SamplePair;
  /** Sampled references of the second that began then, to hold the whole fleet to its budget. */
  countedSinceMs: number;
  counted: number;
}

/** A process that was silent for this long no longer counts as one; it writes every second. */
export const memberSilentMs = 10_000;

/** It is forgotten after this, when nothing of it can arrive twice any more. */
const memberForgottenMs = 600_000;

/**
 * The fleet begins anew at most this often: processes that find an empty stream at the same time
 * all say so.
 */
export const beginEveryMs = 60_000;

/**
 * Sampled references of one class that the fleet may send a second, 32 KB. A threshold that lets more
 * through falls: at 10,000 look-ups a second on 2,000 keys that leaves 800 of them, and a standard
 * error of 0.3 points at a hit rate of 0.85.
 */
export const fleetReferencesPerSecond = 4096;

/**
 * A sample that replaces another starts with eight times its threshold: without the keys that came
 * once the same room reaches further, and starting with all keys would send them all.
 */
const renewedThresholdFactor = 8;

export class FleetState {
  beganMs: number;
  /** The time that the entries have come to. */
  newestMs: number;
  readonly members = new Map<number, Member>();
  readonly classes = new Map<string, FleetClass>();

  constructor(beganMs: number) {
    this.beganMs = beganMs;
    this.newestMs = beganMs;
  }

  /** Processes that wrote within the last 10 s. */
  get processes(): number {
    let count = 0;
    for (const { gone, heardMs } of this.members.values())
      if (!gone && this.newestMs - heardMs <= memberSilentMs) count++;
    return count;
  }

  /** Processes that wrote within the last 10 minutes. */
  get writers(): number {
    return this.members.size;
  }

  /** The threshold that references are to be sampled by; all of them where the class is new. */
  thresholdOf(cacheClass: string): number {
    return this.classes.get(cacheClass)?.samples.threshold ?? hashRange;
  }

  /**
   * Takes one entry. `totalsOf` counts what its look-ups came to: given for a process's own entries,
   * so that the counters of all processes add up to the curve of the fleet.
   */
  fold(batch: FleetBatch, totalsOf: ((cacheClass: string) => ShadowTotals) | null): void {
    if (batch.kind === "begin") {
      if (Math.abs(batch.startMs - this.beganMs) > beginEveryMs) this.#beginAnew(batch.startMs);
      return;
    }
    const atMs = batch.startMs + batch.spanMs;
    if (!this.#isNew(batch, atMs)) return;
    for (const section of batch.sections)
      this.#foldSection(section, batch.startMs, totalsOf?.(section.cacheClass) ?? null);
    if (atMs > this.newestMs) this.newestMs = atMs;
  }

  #beginAnew(atMs: number): void {
    this.beganMs = atMs;
    this.newestMs = atMs;
    this.members.clear();
    this.classes.clear();
  }

  /** False for a batch that came before. */
  #isNew(batch: FleetBatch, atMs: number): boolean {
    const member = this.members.get(batch.process);
    if (member !== undefined && batch.sequence <= member.lastSequence) return false;
    if (member === undefined)
      for (const [process, { heardMs }] of this.members)
        if (atMs - heardMs > memberForgottenMs) this.members.delete(process);
    this.members.set(batch.process, {
      lastSequence: batch.sequence,
      heardMs: atMs,
      gone: batch.kind === "last",
    });
    return true;
  }

  #foldSection(section: ClassSection, startMs: number, totals: ShadowTotals | null): void {
    const known = this.#classOf(section.cacheClass, startMs);
    const { samples } = known;
    const isTimely = this.#spendBudget(known, startMs);
    // Of a process that has not heard of a sample yet: what that would need may be missing.
    if (!isComplete(section, samples.inUse)) return;
    const next = samples.next !== null && isComplete(section, samples.next) ? samples.next : null;
    samples.inUse.lowerTo(section.threshold);
    next?.lowerTo(section.threshold);
    if (totals !== null) {
      totals.lookups += section.lookups + section.unkept;
      addMisses(totals, section.unkept);
    }
    const { words } = section;
    const { threshold } = samples;
    for (let i = 0; i < words.length; i += 2) {
      const hash = words[i] ?? 0;
      const word = words[i + 1] ?? 0;
      const seconds = (startMs + readOffsetMs(word)) / 1000;
      if (isTimely && hash < threshold) known.counted++;
      if (isChange(word)) {
        samples.inUse.noteChange(hash, seconds);
        next?.noteChange(hash, seconds);
        continue;
      }
      const bytes = readBytes(word);
      samples.inUse.reference(hash, bytes, seconds, totals);
      next?.reference(hash, bytes, seconds, null);
    }
    if (section.renewal !== null) renew(samples, section, startMs);
  }

  #classOf(cacheClass: string, startMs: number): FleetClass {
    let known = this.classes.get(cacheClass);
    if (known === undefined) {
      const samples = new SamplePair(startMs / 1000, contractSizes);
      known = { samples, countedSinceMs: startMs, counted: 0 };
      this.classes.set(cacheClass, known);
    }
    return known;
  }

  /**
   * Looks back at each second and lowers the threshold if too much came. False: the section is of an
   * earlier one. Entries that come late, all at once, are no sign of how many will come.
   */
  #spendBudget(known: FleetClass, startMs: number): boolean {
    const seconds = (startMs - known.countedSinceMs) / 1000;
    if (seconds < 0) return false;
    if (seconds < 1) return true;
    const share = fleetReferencesPerSecond / (known.counted / seconds);
    if (share < 1) known.samples.lowerTo(Math.floor(known.samples.threshold * share));
    known.countedSinceMs = startMs;
    known.counted = 0;
    return true;
  }
}

/** Whether a section has all references that a sample asks for. */
function isComplete(section: ClassSection, sample: ShadowSample): boolean {
  return section.threshold >= sample.threshold || section.newestSampleMs >= startOf(sample);
}

/** When a sample began, in ms, as orders name it. */
export function startOf(sample: ShadowSample): number {
  return Math.round(sample.startedSeconds * 1000);
}

function renew(samples: SamplePair, { renewal }: ClassSection, startMs: number): void {
  const { inUse, next } = samples;
  if (renewal?.kind === "start" && next === null && startOf(inUse) === renewal.sampleMs)
    samples.start(startMs / 1000, Math.min(hashRange, renewedThresholdFactor * inUse.threshold));
  if (renewal?.kind === "swap" && next !== null && startOf(next) === renewal.sampleMs)
    samples.swap();
}
