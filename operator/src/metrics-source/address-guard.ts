import { BlockList, isIP, isIPv6 } from "node:net";

/**
 * Bounds the addresses that a profile may have the operator call: whoever may write a profile must
 * not reach what only the operator can (server-side request forgery). It is asked for every address,
 * before the first request and after each redirect, and again for what its name resolves to.
 */
export interface AddressGuard {
  /** Whether a URL may be called as far as its text says. */
  admit(url: URL): Admission;
}

export type Admission =
  | { readonly ok: true; readonly admitsAddress: (address: string) => boolean }
  | { readonly ok: false; readonly detail: string };

interface Entry {
  readonly matches: (url: URL) => boolean;
  /** Names one host: its owner means it, wherever it leads to. */
  readonly isExplicit: boolean;
}

/**
 * Addresses that lead to the operator's own pod or node, or to a cloud's metadata: refused unless an
 * entry names the host. Loopback, unspecified, link-local, multicast and reserved ranges are those of
 * the IANA special-purpose registries, and so are the IPv6 ranges that carry an IPv4 address within:
 * IPv4-compatible, IPv4-translated (RFC 2765), NAT64 (RFC 6052, RFC 8215), Teredo and 6to4. The single
 * ones are metadata services outside of them (Alibaba Cloud; Oracle Cloud; Microsoft Azure's WireServer;
 * Amazon EC2 and Google Cloud on IPv6).
 */
function createLocalAddresses(): BlockList {
  const local = new BlockList();
  for (const [network, prefix] of [
    ["0.0.0.0", 8],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
    ["224.0.0.0", 3],
    ["100.100.100.200", 32],
    ["192.0.0.192", 32],
    ["168.63.129.16", 32],
  ] as const)
    local.addSubnet(network, prefix, "ipv4");
  for (const [network, prefix] of [
    ["::", 96],
    ["::ffff:0:0:0", 96],
    ["64:ff9b::", 96],
    ["64:ff9b:1::", 48],
    ["2001::", 32],
    ["2002::", 16],
    ["fe80::", 10],
    ["fec0::", 10],
    ["ff00::", 8],
    ["fd00:ec2::254", 128],
    ["fd20:ce::254", 128],
  ] as const)
    local.addSubnet(network, prefix, "ipv6");
  return local;
}

const localAddresses = createLocalAddresses();

function isLocal(address: string): boolean {
  const bare = address.replace(/%.*$/, "");
  // An IPv4 address in IPv6 clothes leads where the IPv4 address does.
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  if (mapped !== undefined) return isLocal(mapped);
  if (isIP(bare) === 0) return true;
  return localAddresses.check(bare, isIPv6(bare) ? "ipv6" : "ipv4");
}

/**
 * A guard of `allow`: `host` (any port), `host:port`, `*.domain`, a base address
 * (`https://host[:port][/path]`), or `*`. Nothing is allowed by default.
 * @throws Error that names an entry which is none of these
 */
export function createAddressGuard(allow: readonly string[]): AddressGuard {
  const entries = allow.map(parseEntry);
  return {
    admit(url) {
      if (url.protocol !== "http:" && url.protocol !== "https:")
        return { ok: false, detail: `${url.protocol} is neither http: nor https:` };
      if (url.username !== "" || url.password !== "")
        return { ok: false, detail: "an address must not carry credentials" };
      const matching = entries.filter(({ matches }) => matches(url));
      if (matching.length === 0)
        return { ok: false, detail: `${url.origin} is not among the allowed addresses` };
      const isExplicit = matching.some((entry) => entry.isExplicit);
      return { ok: true, admitsAddress: (address) => isExplicit || !isLocal(address) };
    },
  };
}

/** A name without the dot of its root, an IPv6 address without its brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/\.$/, "").replace(/^\[(.*)\]$/, "$1");
}

function parseEntry(text: string): Entry {
  if (text === "*") return { matches: () => true, isExplicit: false };
  const wildcard = /^\*(\.[a-z0-9-]+(?:\.[a-z0-9-]+)*)$/i.exec(text)?.[1]?.toLowerCase();
  if (wildcard !== undefined)
    return { matches: (url) => hostOf(url).endsWith(wildcard), isExplicit: false };
  const isBase = /^https?:\/\//.test(text);
  const parsed = URL.parse(isBase ? text : `http://${text}`);
  if (
    parsed === null ||
    text.includes("*") ||
    parsed.username !== "" ||
    parsed.search !== "" ||
    parsed.hash !== ""
  )
    throw new Error(malformed(text));
  const host = hostOf(parsed);
  if (isBase) {
    const base = parsed.pathname.replace(/\/$/, "");
    return {
      matches: (url) =>
        url.protocol === parsed.protocol &&
        hostOf(url) === host &&
        url.port === parsed.port &&
        (url.pathname === base || url.pathname.startsWith(`${base}/`)),
      isExplicit: true,
    };
  }
  if (parsed.pathname !== "/" || text.endsWith("/")) throw new Error(malformed(text));
  const port = /:(\d+)$/.exec(isIPv6(text) ? "" : text)?.[1];
  return {
    matches: (url) => hostOf(url) === host && (port === undefined || portOf(url) === port),
    isExplicit: true,
  };
}

function portOf({ port, protocol }: URL): string {
  if (port !== "") return port;
  return protocol === "https:" ? "443" : "80";
}

const malformed = (text: string) =>
  `${JSON.stringify(text)} is no address: host, host:port, *.domain, http(s)://host[:port][/path] or *`;
