import { parseWith } from "@mestore/contract/fault";
import {
  keptDecisions,
  type ProfileDecision,
  profileStatusSchema,
} from "@mestore/contract/profile-status";
import type { z } from "zod";
import type { Condition } from "./conditions.ts";

export type { ProfileDecision } from "@mestore/contract/profile-status";
export type ProfileStatus = Omit<z.infer<typeof profileStatusSchema>, "conditions"> & {
  readonly conditions: readonly Condition[];
};

/** The most bytes of one decision as JSON. */
export const decisionBytes = 512;

export const emptyStatus: ProfileStatus = {
  observedGeneration: 0,
  conditions: [],
  objectives: [],
  decisions: [],
};

/** A status as it was written. Null: it is none, and the loop begins with an empty one. */
export function parseStatus(input: unknown): ProfileStatus | null {
  const parsed = parseWith(profileStatusSchema, input);
  return parsed.ok ? (parsed.value as ProfileStatus) : null;
}

/** TTLs by class as the status lists them, in the order of their names. */
export function listTtls(
  ttlSeconds: Readonly<Record<string, number>>,
): { name: string; seconds: string }[] {
  return Object.entries(ttlSeconds)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, seconds]) => ({ name, seconds: formatDecimal(seconds) }));
}

/** `49.7`, never an exponent. */
export function formatDecimal(value: number): string {
  return String(Number(value.toFixed(3)));
}

/** Puts a decision first, shortened to what a status may carry, and lets the oldest go. */
export function addDecision(
  decisions: readonly ProfileDecision[],
  decision: ProfileDecision,
): readonly ProfileDecision[] {
  return [shorten(decision), ...decisions].slice(0, keptDecisions);
}

function shorten(decision: ProfileDecision): ProfileDecision {
  const bytesOf = (one: ProfileDecision) => Buffer.byteLength(JSON.stringify(one));
  let message = decision.message;
  while (message !== "" && bytesOf({ ...decision, message }) > decisionBytes) {
    const over = bytesOf({ ...decision, message }) - decisionBytes;
    message = message.slice(0, Math.max(0, message.length - Math.max(1, Math.ceil(over / 4))));
  }
  return { ...decision, message };
}

/**
 * Whether a person or a program would want the new status now: a flip, another reason, a decision,
 * a change begun or ended, another generation. Mere figures wait for the next writing.
 */
export function isNews(before: ProfileStatus, after: ProfileStatus): boolean {
  const gist = (status: ProfileStatus) =>
    JSON.stringify([
      status.observedGeneration,
      status.conditions.map(({ type, status: state, reason }) => [type, state, reason]),
      status.objectives.map(({ name, target, met }) => [name, target, met]),
      status.tuning?.revision,
      status.tuning?.ttlSeconds,
      status.tuning?.pods === status.tuning?.podsCurrent,
      status.recommendation?.ttlSeconds,
      status.inFlight,
      status.decisions,
    ]);
  return gist(before) !== gist(after);
}
