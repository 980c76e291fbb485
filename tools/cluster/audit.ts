import { existsSync, readFileSync } from "node:fs";

/** What a rule of an audit policy records (audit.k8s.io/v1). */
export type AuditLevel = "None" | "Metadata" | "Request" | "RequestResponse";

/** One line of the audit log, as far as anybody here reads it. */
export interface AuditEvent {
  readonly stage: "ResponseStarted" | "ResponseComplete" | "Panic";
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly groups?: readonly string[] };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code: number; readonly reason?: string };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly requestReceivedTimestamp: string;
  /** With the levels Request and RequestResponse. */
  readonly requestObject?: unknown;
}

/** Records every request once, when it is answered; watches also when they begin. */
export function formatAuditPolicy(level: AuditLevel): string {
  return `${JSON.stringify({
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level }],
  })}\n`;
}

/** The events of a log; half of a line that is being written is left for the next look. */
export function parseAuditLog(text: string): AuditEvent[] {
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEvent);
}

/**
 * The events of a log file, those received at or after `since` when it is given; none where there
 * is no file, which the API server makes with its first event.
 */
export function loadAuditEvents(path: string, since?: Date): AuditEvent[] {
  if (!existsSync(path)) return [];
  const events = parseAuditLog(readFileSync(path, "utf8"));
  if (since === undefined) return events;
  return events.filter((event) => Date.parse(event.requestReceivedTimestamp) >= since.getTime());
}
