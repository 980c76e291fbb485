import { profileGroup } from "@mestore/contract/performance-profile";
import type { Logger } from "@mestore/telemetry/logger";
import type { Cache } from "./caches.ts";
import { describeFailure } from "./failure.ts";
import { pods } from "./resources.ts";
import type { KubeTime } from "./time.ts";
import { type KubeTransport, mergePatch } from "./transport.ts";
import type { WatchedPod, WatchedProfile } from "./watched-objects.ts";

export interface PodAnnotationOptions {
  readonly transport: KubeTransport;
  readonly profiles: Cache<WatchedProfile>;
  readonly podsOf: (key: string) => readonly WatchedPod[];
  readonly time: Pick<KubeTime, "sleep">;
  readonly logger: Logger;
  /** The process winds up. */
  readonly signal: AbortSignal;
}

/** On pods of a profile with `delivery: Annotate`: the revision that the kubelet is to bring now. */
export const revisionAnnotation = `${profileGroup}/tuning-revision`;

/**
 * A kubelet that is told of a changed pod brings its volumes up to date at once, otherwise within a minute
 * or two. Sooner than this its own watch may not have seen the new ConfigMap yet.
 */
const settleSeconds = 1;

/** Has the kubelets bring a document at once, where the profile asks for it. Returns at once, never throws. */
export function createPodAnnotation(
  options: PodAnnotationOptions,
): (key: string, revision: number) => void {
  const { transport, profiles, time, logger, signal } = options;

  async function annotate(key: string, revision: number): Promise<void> {
    await time.sleep(settleSeconds, signal);
    if (signal.aborted) return;
    const told = options.podsOf(key).map(async ({ metadata }) => {
      const { namespace = "", name, uid } = metadata;
      const result = await transport.request({
        method: "PATCH",
        path: pods.objectPath(namespace, name),
        contentType: mergePatch,
        body: { metadata: { uid, annotations: { [revisionAnnotation]: String(revision) } } },
        signal,
      });
      // A pod that is gone, or another one by now, reads the document when it starts.
      if (!result.ok && result.status !== 404 && result.status !== 409)
        logger.warn(
          { profile: key, pod: name, detail: describeFailure(result) },
          "the pod cannot be annotated; its kubelet brings the document in its own time",
        );
    });
    await Promise.all(told);
  }

  return (key, revision) => {
    const spec = profiles.get(key)?.spec as { readonly delivery?: string } | undefined;
    if (spec?.delivery === "Annotate") void annotate(key, revision);
  };
}
