/** An entity tag as RFC 9110 §8.8.3 writes it: the opaque part may hold commas but no quotes. */
const entityTag = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/**
 * Whether `If-None-Match` names this representation: a list, or `*`, by weak comparison (RFC 9110
 * §13.1.2, §8.8.3.2). A header that is no list of tags names nothing.
 * @param etag quoted, strong
 */
export function matchesIfNoneMatch(header: string, etag: string): boolean {
  if (header.trim() === "*") return true;
  // The common case, a client that repeats the one tag it was given, needs no parsing.
  if (header === etag) return true;
  for (const [, opaque] of header.matchAll(entityTag)) if (opaque === etag) return true;
  return false;
}
