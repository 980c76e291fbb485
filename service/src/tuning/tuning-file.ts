import { open } from "node:fs/promises";

/** What a look at the file came to. */
export type FileContent =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "absent" }
  | { readonly kind: "tooLarge" }
  | { readonly kind: "unreadable"; readonly code: string };

/**
 * A document of every class and a reason of full length is under 2 KB; what is over this limit is
 * another file.
 */
export const maxTuningFileBytes = 64 * 1024;

/** Reads at most `maxTuningFileBytes` of one version of the file, also where it is being replaced. */
export async function loadTuningFile(path: string): Promise<FileContent> {
  try {
    await using file = await open(path, "r");
    const buffer = new Uint8Array(maxTuningFileBytes + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
      if (length > maxTuningFileBytes) return { kind: "tooLarge" };
    }
    return { kind: "text", text: new TextDecoder().decode(buffer.subarray(0, length)) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "UNKNOWN";
    return code === "ENOENT" || code === "ENOTDIR"
      ? { kind: "absent" }
      : { kind: "unreadable", code };
  }
}
