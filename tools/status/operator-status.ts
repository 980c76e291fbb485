import { readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { type ProfileStatus, parseStatus } from "@mestore/operator/profile/status";
import { parse } from "yaml";

/** What the operator wrote of one profile. */
export interface OperatorStatus {
  /** `namespace.name`, as its file is called. */
  readonly profile: string;
  readonly status: ProfileStatus;
}

/** Every status in the operator's directory. A file that is none is passed over. */
export function readOperatorStatus(directory: string): OperatorStatus[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  return names
    .filter((name) => !name.startsWith(".") && extname(name) === ".yaml")
    .sort()
    .flatMap((name) => {
      const status = readStatusFile(join(directory, name));
      return status === null ? [] : [{ profile: basename(name, ".yaml"), status }];
    });
}

function readStatusFile(path: string): ProfileStatus | null {
  try {
    return parseStatus(parse(readFileSync(path, "utf8")));
  } catch {
    return null;
  }
}
