import type { Timing } from "@mestore/laws/timing";
import { verificationSlices } from "@mestore/laws/timing";
import type { ProfileStatus } from "../profile/status.ts";
import { type ChangeOnItsWay, emptyLoopMemory, type LoopMemory } from "./memory.ts";
import { ttlKnob } from "./step.ts";

/**
 * The memory to go on from where only the status is left: the change on its way as the status tells
 * it, without the slices it was to be compared with. It can be withdrawn, rolled back for the health of
 * the pods or for want of metrics, and else is kept as `Unverified`.
 */
export function resumeMemory({ inFlight, decisions }: ProfileStatus, timing: Timing): LoopMemory {
  const memory: LoopMemory = { ...emptyLoopMemory, decisions };
  if (inFlight?.origin === undefined) return memory;
  const { origin, knob, revision, since, verifyUntil } = inFlight;
  const [from, to] = [ttlsOf(inFlight.from), ttlsOf(inFlight.to)];
  const verifyUntilSeconds = verifyUntil === undefined ? null : secondsOf(verifyUntil);
  const change: ChangeOnItsWay = {
    origin,
    inFlight: {
      knob,
      from,
      to,
      revision,
      sinceSeconds: secondsOf(since),
      adoptedSeconds:
        verifyUntilSeconds === null
          ? null
          : verifyUntilSeconds - verificationSlices * timing.sliceSeconds,
      verifyUntilSeconds,
      baseline: [],
    },
    moves: Object.entries(to).map(([name, after]) => ({
      knob: ttlKnob(name),
      from: from[name] ?? after,
      to: after,
    })),
    decidedAt: since,
  };
  return { ...memory, change, changesAtSeconds: [secondsOf(since)] };
}

const secondsOf = (time: string) => Date.parse(time) / 1000;

function ttlsOf(
  list: readonly { readonly name: string; readonly seconds: string }[],
): Readonly<Record<string, number>> {
  return Object.fromEntries(list.map(({ name, seconds }) => [name, Number(seconds)]));
}
