/** A parameter that is absent, or stands at nothing, has no part in the URL. */
export type CanonicalQuery = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * One text for all URLs that ask the same: names sorted, values as they were understood, defaults
 * filled in by the caller. It is the key of the page in the cache.
 */
export function formatCanonicalUrl(path: string, query: CanonicalQuery): string {
  const pairs = Object.keys(query)
    .sort()
    .flatMap((name) => {
      const value = query[name];
      return value === undefined
        ? []
        : [`${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`];
    });
  return pairs.length === 0 ? path : `${path}?${pairs.join("&")}`;
}
