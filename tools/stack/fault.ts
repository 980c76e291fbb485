import { existsSync, readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname } from "node:path";

/**
 * What can go wrong on a person's machine, as opposed to a defect of ours. A command prints the
 * message and the hint, never a stack trace, and exits with 1.
 */
export type StackFaultCode =
  | "ACCESS_DENIED"
  | "ALREADY_RUNNING"
  | "BAD_STORE_URL"
  | "DISK_FULL"
  | "INSTALL_FAILED"
  | "INTERRUPTED"
  | "MISSING_TOOL"
  | "NOT_CONFIRMED"
  | "NOT_READY"
  | "PORT_TAKEN"
  | "PROCESS_DIED"
  | "STATE_UNREADABLE"
  | "STEP_FAILED"
  | "UNSUPPORTED_PLATFORM";

const diskFullHint = "The disk is full. Free some space and run the same command again.";

export class StackFault extends Error {
  override readonly name = "StackFault";
  readonly code: StackFaultCode;
  /** What a person can do about it, usually a command to copy. For a full disk there is a standard one. */
  readonly hint: string | undefined;

  constructor(code: StackFaultCode, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint ?? (code === "DISK_FULL" ? diskFullHint : undefined);
  }
}

/** Error codes of the operating system that a person can do something about. */
const diskHints: Readonly<Record<string, string>> = {
  ENOSPC: diskFullHint,
  EDQUOT: "The disk quota is used up. Free some space and run the same command again.",
  EFBIG:
    "The limit of file sizes is too low. Raise it (ulimit -f unlimited) and run the same command again.",
  EROFS: "The file system is read-only; MeStore writes under .mestore/ and the cache directory.",
};

/** Whether the text of a log speaks of a full disk, whatever program wrote it. */
export function saysDiskFull(text: string): boolean {
  return /no space left on device|ENOSPC|disk quota exceeded|EDQUOT/i.test(text);
}

/** The fault behind an error of the operating system; `null` for a defect of ours. */
export function asStackFault(error: unknown): StackFault | null {
  if (error instanceof StackFault) return error;
  if (!(error instanceof Error)) return null;
  const { code, path } = error as NodeJS.ErrnoException;
  if ((code === "EACCES" || code === "EPERM") && path !== undefined)
    return new StackFault("ACCESS_DENIED", error.message, describeOwner(path));
  const hint = code === undefined ? undefined : diskHints[code];
  return hint === undefined ? null : new StackFault("DISK_FULL", error.message, hint);
}

/** Whose the path is, or the nearest directory above it that is there, and the two ways on. */
function describeOwner(path: string): string {
  let found = path;
  // Also false below a directory that we may not enter.
  while (!existsSync(found) && dirname(found) !== found) found = dirname(found);
  const owner = nameOfUser(statSync(found).uid);
  const me = nameOfUser(process.geteuid?.() ?? userInfo().uid);
  const ways =
    owner === me
      ? "Give yourself the right to write there"
      : `You are ${me}. Run the command as ${owner}, who ran MeStore here before`;
  return `${found} belongs to ${owner}. ${ways}, or keep your own data elsewhere: MESTORE_HOME=~/mestore-data ./mestore up`;
}

function nameOfUser(uid: number): string {
  try {
    const entry = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((line) => line.split(":")[2] === String(uid));
    return entry?.split(":")[0] ?? `user ${uid}`;
  } catch {
    return `user ${uid}`;
  }
}
