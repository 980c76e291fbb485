import { type ImageSettings, imageRepository } from "./image-table.ts";
import type { Revision } from "./revision.ts";

/**
 * The annotations of an image, as labels and in the manifest.
 * @see https://github.com/opencontainers/image-spec/blob/main/annotations.md
 */
export function labelsOf(
  settings: ImageSettings,
  version: string,
  revision: Revision,
): Readonly<Record<string, string>> {
  const prefix = "org.opencontainers.image";
  return {
    [`${prefix}.created`]: createdAt(revision),
    [`${prefix}.description`]: settings.description,
    [`${prefix}.licenses`]: settings.licenses,
    ...(revision.commit === null ? {} : { [`${prefix}.revision`]: revision.commit }),
    [`${prefix}.source`]: `https://${imageRepository}`,
    [`${prefix}.title`]: settings.title,
    [`${prefix}.version`]: version,
  };
}

/** The time of the source as RFC 3339, which images and bills of materials carry. */
export function createdAt({ committedAtSeconds }: Revision): string {
  return new Date(committedAtSeconds * 1000).toISOString().replace(".000Z", "Z");
}
