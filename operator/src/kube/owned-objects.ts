import { fieldManager, profileLabel } from "@mestore/contract/performance-profile";
import type { ObjectMeta } from "./objects.ts";
import { profiles } from "./resources.ts";

/**
 * Metadata of an object that belongs to a profile: our own labels and no copied ones, which GitOps tools
 * would take for theirs and prune, and an owner with whom it is collected.
 */
export function ownedMetadata(profileName: string, profileUid: string) {
  return {
    labels: { "app.kubernetes.io/managed-by": fieldManager, [profileLabel]: profileName },
    ownerReferences: [
      {
        apiVersion: profiles.apiVersion,
        kind: profiles.kind,
        name: profileName,
        uid: profileUid,
        controller: true,
      },
    ],
  } as const;
}

/** Whose an object is: null where its label says that it is this profile's. */
export function strangerOf(metadata: ObjectMeta, profileName: string): string | null {
  const label = metadata.labels?.[profileLabel];
  if (label === profileName) return null;
  if (label !== undefined) return `the profile ${label}`;
  return metadata.managedFields?.find(({ manager }) => manager !== undefined)?.manager ?? "unknown";
}
