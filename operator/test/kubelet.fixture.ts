import { tuningConfigMapName, tuningDocumentKey } from "@mestore/contract/performance-profile";
import { parseTuningDocument, type TuningDocument } from "@mestore/contract/tuning-document";
import type { TestCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";

/**
 * What a kubelet does for the pods of this suite, which have no node: it follows a tuning ConfigMap and
 * keeps its last text, whatever becomes of the API server.
 */
export interface Kubelet {
  /** As a service parses what is mounted; null: nothing is, or no document. */
  document(): TuningDocument | null;
  /** Every document that was there, in order. */
  readonly seen: readonly TuningDocument[];
  close(): void;
}

interface ConfigMap {
  readonly data?: Readonly<Record<string, string>>;
}

export function followTuning(
  cluster: TestCluster,
  namespace: string,
  profile: string,
  onDocument: (document: TuningDocument) => void = () => {},
): Kubelet {
  const ending = new AbortController();
  let document: TuningDocument | null = null;
  const seen: TuningDocument[] = [];
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const query = `watch=true&fieldSelector=metadata.name%3D${tuningConfigMapName(profile)}`;

  function mount(text = ""): void {
    const parsed = parseTuningDocument(text);
    document = parsed.ok ? parsed.value : null;
    if (document !== null) onDocument(document);
    // A watch that is opened anew tells again what was told before.
    if (document !== null && !Bun.deepEquals(seen.at(-1), document)) seen.push(document);
  }

  async function follow(): Promise<void> {
    const { signal } = ending;
    const response = await cluster.fetch("GET", `${path}?${query}`, undefined, { signal });
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const { type, object } = JSON.parse(line) as { type: string; object: ConfigMap };
        if (type === "ADDED" || type === "MODIFIED") mount(object.data?.[tuningDocumentKey]);
        if (type === "DELETED") document = null;
      }
    }
  }

  void waitFor(
    async () => {
      await follow().catch(() => undefined);
      return ending.signal.aborted;
    },
    { timeoutMs: 3_600_000, intervalMs: 100 },
  );
  return {
    document: () => document,
    seen,
    close: () => ending.abort(),
  };
}
