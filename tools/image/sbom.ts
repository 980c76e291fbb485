import { Enums, Models, Serialize, SPDX, Spec } from "@cyclonedx/cyclonedx-library";
import type { Component } from "./component.ts";

/** The bill of materials of an image. */

export interface SbomSubject {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  /** RFC 3339, of the source: the time of building is no property of an image. */
  readonly created: string;
}

/**
 * CycloneDX 1.6 as JSON, sorted, without anything that would differ between two builds.
 * @see https://cyclonedx.org/docs/1.6/json/
 */
export function formatSbom(subject: SbomSubject, components: readonly Component[]): string {
  const { name, version, description, license, created } = subject;
  const container = new Models.Component(Enums.ComponentType.Container, name, {
    version,
    description,
    licenses: licensesOf(license),
    bomRef: `${name}@${version}`,
  });
  const parts = components.map(
    ({ purl, license: own, ...part }) =>
      new Models.Component(Enums.ComponentType.Library, part.name, {
        version: part.version,
        purl,
        bomRef: purl,
        licenses: licensesOf(own),
      }),
  );
  for (const part of parts) container.dependencies.add(part.bomRef);
  const bom = new Models.Bom({
    metadata: new Models.Metadata({ component: container, timestamp: new Date(created) }),
    components: new Models.ComponentRepository(parts),
  });
  const serializer = new Serialize.JsonSerializer(
    new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6),
  );
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

function licensesOf(license: string | null): Models.LicenseRepository {
  if (license === null) return new Models.LicenseRepository();
  return new Models.LicenseRepository([createLicense(license)]);
}

/** Operators of an SPDX expression stand between the identifiers. */
const expression = /^\(?[\w.+-]+\)?(?: (?:AND|OR|WITH) \(?[\w.+-]+\)?)+$/;

/** Not every author keeps to SPDX; what is none of its words is passed on as a name. */
function createLicense(license: string): Models.License {
  if (expression.test(license)) return new Models.LicenseExpression(license);
  const id = SPDX.fixupSpdxId(license);
  return id === undefined ? new Models.NamedLicense(license) : new Models.SpdxLicense(id);
}
