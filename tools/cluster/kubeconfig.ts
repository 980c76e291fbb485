import type { KeyPair } from "./certificates.ts";

/** Who a kubeconfig is for, and what it leads to. */
export interface KubeconfigUser {
  /** Name of the context, for people who merge configurations. */
  readonly context: string;
  readonly server: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly authority: string;
  readonly credentials: Credentials;
}

/** How a client says who it is. */
export type Credentials = KeyPair | { readonly token: string };

/** A kubeconfig that needs no other file. JSON, which is YAML as well. */
export function formatKubeconfig(user: KubeconfigUser): string {
  const { context, server, authority, credentials } = user;
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const proof =
    "token" in credentials
      ? { token: credentials.token }
      : {
          "client-certificate-data": base64(credentials.certificate),
          "client-key-data": base64(credentials.key),
        };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: context, cluster: { server, "certificate-authority-data": base64(authority) } },
    ],
    users: [{ name: context, user: proof }],
    contexts: [{ name: context, context: { cluster: context, user: context } }],
    "current-context": context,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
