/** Headers by which a proxy says that it speaks for somebody else. */
const forwardingHeaders = ["forwarded", "x-forwarded-for", "x-real-ip"] as const;

/**
 * Whether a request comes from this machine itself. A request that a proxy forwarded does not, even
 * where the proxy runs here.
 * @param address of the peer; null where it is unknown, which is not local
 */
export function isLocalRequest(address: string | null, headers: Headers): boolean {
  if (address === null || forwardingHeaders.some((name) => headers.has(name))) return false;
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d)/, "");
  return plain === "::1" || /^127(\.\d{1,3}){3}$/.test(plain);
}
