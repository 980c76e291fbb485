import type { PackageFiles } from "./base-files.ts";
import type { Component } from "./component.ts";
import type { LayerEntry } from "./layer.ts";

/** What goes into an image, above and beneath. */
export interface ImageContent {
  /** Tag of the image. */
  readonly version: string;
  /** Debian packages that the base layer is made of. */
  readonly packages: readonly string[];
  readonly packageFiles: PackageFiles;
  /** Of the upper layer. */
  readonly entries: readonly LayerEntry[];
  /** Executables and modules, on the disk, whose libraries the base has to hold. */
  readonly binaries: readonly string[];
  /** Where libraries lie that come with the binaries; see `collectLibraries`. */
  readonly ownRoot?: string;
  /** What is in the entries and in none of the packages. */
  readonly components: readonly Component[];
}
