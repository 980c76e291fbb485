import { shadowSampleKeys, shadowTtlsSeconds } from "@mestore/contract/shadow-curve";
import { ByteReader, ByteWriter } from "./byte-cursor.ts";
import { fleetVersion } from "./fleet-batch.ts";
import { FleetState } from "./fleet-state.ts";
import { SamplePair } from "./sample-pair.ts";
import { hashRange, ShadowSample } from "./shadow-sample.ts";
import { contractSizes } from "./shadow.ts";

/**
 * The state of the fleet's samples as bytes, with the entry that it has come to, so that a process
 * that starts late reads on from there. A sample of 2,048 keys takes 152 KB: times are whole ms
 * before the newest, in 32 bits, which is exact, as references carry whole ms.
 */
export interface FleetSnapshot {
  /** Id of the last entry that is folded in. */
  readonly lastId: string;
  readonly state: FleetState;
}

export function encodeSnapshot({ lastId, state }: FleetSnapshot): Buffer {
  const to = new ByteWriter();
  to.u8(fleetVersion);
  to.u8(shadowTtlsSeconds.length);
  to.u16(shadowSampleKeys);
  to.text(lastId);
  to.f64(state.beganMs);
  to.f64(state.newestMs);
  to.u16(state.members.size);
  for (const [process, { lastSequence, heardMs, gone }] of state.members) {
    to.f64(process);
    to.u32(lastSequence);
    to.f64(heardMs);
    to.u8(gone ? 1 : 0);
  }
  to.u8(state.classes.size);
  for (const [cacheClass, { samples, countedSinceMs, counted }] of state.classes) {
    to.text(cacheClass);
    to.f64(countedSinceMs);
    to.u32(counted);
    to.u8(samples.next === null ? 1 : 2);
    for (const sample of [samples.inUse, samples.next])
      if (sample !== null) writeSample(to, sample, state.newestMs);
  }
  to.u32(Bun.hash.xxHash32(to.finish()));
  return to.finish();
}

function writeSample(to: ByteWriter, sample: ShadowSample, newestMs: number): void {
  to.f64(sample.startedSeconds);
  to.f64(sample.threshold);
  const words = sample.pack(newestMs);
  to.u32(words.length);
  to.words(words);
}

/** Null for anything that `encodeSnapshot` did not write with these sizes: another version, truncated, garbage. */
export function decodeSnapshot(bytes: Uint8Array): FleetSnapshot | null {
  if (bytes.byteLength < 4) return null;
  const content = bytes.subarray(0, -4);
  try {
    if (new ByteReader(bytes.subarray(-4)).u32() !== Bun.hash.xxHash32(content)) return null;
    return readSnapshot(new ByteReader(content));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function readSnapshot(from: ByteReader): FleetSnapshot | null {
  if (from.u8() !== fleetVersion) return null;
  if (from.u8() !== shadowTtlsSeconds.length || from.u16() !== shadowSampleKeys) return null;
  const lastId = from.text();
  const state = new FleetState(from.f64());
  state.newestMs = from.f64();
  for (let left = from.u16(); left > 0; left--) {
    const process = from.f64();
    const member = { lastSequence: from.u32(), heardMs: from.f64(), gone: from.u8() === 1 };
    state.members.set(process, member);
  }
  for (let left = from.u8(); left > 0; left--) {
    const cacheClass = from.text();
    const counts = { countedSinceMs: from.f64(), counted: from.u32() };
    const both = from.u8() === 2;
    const inUse = readSample(from, state.newestMs);
    const next = both ? readSample(from, state.newestMs) : null;
    const samples = new SamplePair(inUse.startedSeconds, contractSizes);
    samples.inUse = inUse;
    samples.next = next;
    state.classes.set(cacheClass, { samples, ...counts });
  }
  return from.isAtEnd ? { lastId, state } : null;
}

function readSample(from: ByteReader, newestMs: number): ShadowSample {
  const { sampleKeys, ttlsSeconds } = contractSizes;
  const startedSeconds = from.f64();
  const threshold = from.f64();
  if (!(threshold >= 1 && threshold <= hashRange)) throw new RangeError("no threshold");
  const sample = new ShadowSample(startedSeconds, sampleKeys, ttlsSeconds, threshold);
  sample.unpack(from.words(from.u32()), newestMs);
  return sample;
}
