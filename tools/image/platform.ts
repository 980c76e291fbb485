import { StackFault } from "../stack/fault.ts";
import type { Platform } from "./oci.ts";

export const platformNames = ["linux/amd64", "linux/arm64"] as const;

export type PlatformName = (typeof platformNames)[number];

/** Where a Debian of that architecture has its libraries, and where programs expect the loader. */
export interface LibraryLayout {
  /** Of the directory of libraries, as in `/lib/x86_64-linux-gnu`. */
  readonly triplet: string;
  /** The path in every executable, without the slash before it. */
  readonly loader: string;
}

/** @see https://sourceware.org/glibc/wiki/ABIList for the names of the loader */
export const libraryLayouts: Readonly<Record<Platform["architecture"], LibraryLayout>> = {
  amd64: { triplet: "x86_64-linux-gnu", loader: "lib64/ld-linux-x86-64.so.2" },
  arm64: { triplet: "aarch64-linux-gnu", loader: "lib/ld-linux-aarch64.so.1" },
};

/**
 * The platform to build for: only this machine's own, because the base libraries come from its
 * package sources. @throws StackFault UNSUPPORTED_PLATFORM for any other
 */
export function choosePlatform(
  wanted: PlatformName | null,
  machine: string = `${process.platform}/${process.arch}`,
): Platform {
  const own = machine.replace("/x64", "/amd64");
  const hint = "The Dockerfiles under docker/ build on any machine with a container engine.";
  if (own !== "linux/amd64" && own !== "linux/arm64")
    throw new StackFault("UNSUPPORTED_PLATFORM", `images are built on Linux, not on ${own}`, hint);
  if (wanted !== null && wanted !== own)
    throw new StackFault(
      "UNSUPPORTED_PLATFORM",
      `this machine builds images for ${own} only, not for ${wanted}`,
      hint,
    );
  return { os: "linux", architecture: own === "linux/amd64" ? "amd64" : "arm64" };
}
