import { isIPv4 } from "node:net";

export type ParsedTarget =
  { readonly ok: true; readonly origin: string } | { readonly ok: false; readonly message: string };

/**
 * The origin that a load may go to: `http://127.0.0.1:8000`. Another machine must be allowed
 * explicitly, so that no typing error loads somebody's shop.
 */
export function parseTarget(text: string, allowRemote: boolean): ParsedTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol))
    return { ok: false, message: `"${text}" is no http or https URL` };
  if (!allowRemote && !isLoopback(url.hostname))
    return { ok: false, message: `${url.hostname} is another machine; add --allow-remote` };
  return { ok: true, origin: url.origin };
}

/** Hostnames as `URL` writes them: `localhost`, 127.0.0.0/8, `[::1]`. */
function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname === "[::1]" ||
    (isIPv4(hostname) && hostname.startsWith("127."))
  );
}
