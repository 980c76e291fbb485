/** Something that an image is made of and somebody else has written. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** SPDX expression as its author gives it; null where the copyright file says more than one could. */
  readonly license: string | null;
  /** @see https://github.com/package-url/purl-spec */
  readonly purl: string;
}

/** A package of the npm registry. */
export function npmComponent(name: string, version: string, license: string | null): Component {
  // The scope's @ is part of the namespace, which the standard wants encoded.
  return { name, version, license, purl: `pkg:npm/${name.replace("@", "%40")}@${version}` };
}
