/** Reads the versions that programs tell, and says whether one fits. */

/**
 * The first version in what a program says of itself: `Kubernetes v1.36.3`, `etcd Version: 3.4.23`,
 * `go version go1.26.8 linux/amd64`. Two numbers are a version, too. Null where there is none.
 */
export function parseVersion(text: string): string | null {
  const found = /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0];
  if (found === undefined) return null;
  return found.split(".").length === 2 ? `${found}.0` : found;
}

/** Whether a version lies in a semver range; any does where there is no range. */
export function fitsVersion(version: string | null, range: string | undefined): boolean {
  if (range === undefined) return true;
  return version !== null && Bun.semver.satisfies(version, range);
}
