/** One place that breaks a rule of the architecture. */
export interface Violation {
  readonly path: string;
  /** 1 where the whole file is meant. */
  readonly line: number;
  /** What is there, and the rule's own words. */
  readonly message: string;
}

/** `path:line: message`, which editors and terminals can follow. */
export function formatViolation({ path, line, message }: Violation): string {
  return `${path}:${line}: ${message}`;
}
