import { credentialsLabel } from "@mestore/contract/performance-profile";
import type { RejectedReading } from "../control/ports.ts";
import { describeFailure } from "./failure.ts";
import type { KubeObject } from "./objects.ts";
import { secrets } from "./resources.ts";
import type { KubeTime } from "./time.ts";
import type { KubeTransport } from "./transport.ts";

export type SecretReading =
  { readonly ok: true; readonly data: Readonly<Record<string, string>> } | RejectedReading;

export interface CredentialSecrets {
  /** Texts by key; at most a minute old. Never throws. */
  read(namespace: string, name: string): Promise<SecretReading>;
}

/** A Secret that changed is in force after this; a failure is asked again as soon. */
const rememberedSeconds = 60;

/**
 * Secrets that a metrics source names, by `get` alone. Only those that carry the label: otherwise whoever
 * writes a profile could have the operator send any Secret of the namespace to an address of theirs.
 */
export function createCredentialSecrets(
  transport: KubeTransport,
  time: Pick<KubeTime, "monotonicSeconds">,
): CredentialSecrets {
  const known = new Map<string, { readonly atSeconds: number; readonly reading: SecretReading }>();

  async function get(namespace: string, name: string): Promise<SecretReading> {
    const place = `secrets "${name}" in "${namespace}"`;
    const missing = (detail: string): RejectedReading => ({
      ok: false,
      reason: "MetricsCredentialsMissing",
      detail,
    });
    const result = await transport.request<KubeObject & { data?: Record<string, string> }>({
      method: "GET",
      path: secrets.objectPath(namespace, name),
    });
    if (!result.ok) return missing(`cannot get ${place}: ${describeFailure(result)}`);
    const { metadata, data = {} } = result.body;
    if (metadata.labels?.[credentialsLabel] !== "true")
      return missing(`${place} lacks the label ${credentialsLabel}=true`);
    const texts = Object.entries(data).map(([key, value]) => [
      key,
      Buffer.from(value, "base64").toString("utf8").trim(),
    ]);
    return { ok: true, data: Object.fromEntries(texts) as Record<string, string> };
  }

  return {
    async read(namespace, name) {
      const key = `${namespace}/${name}`;
      const now = time.monotonicSeconds();
      for (const [other, { atSeconds }] of known)
        if (now - atSeconds >= rememberedSeconds) known.delete(other);
      const remembered = known.get(key);
      if (remembered !== undefined) return remembered.reading;
      const reading = await get(namespace, name);
      known.set(key, { atSeconds: now, reading });
      return reading;
    },
  };
}
