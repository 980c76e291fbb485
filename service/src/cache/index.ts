/** What the rest of the service uses of the cache. */
export type { CacheClassStatus, LoadedPage, Page, PageAnswer, PageCache } from "./cache.ts";
export { createPage, formatEtag, type PageContent } from "./etag.ts";
export { LoadTimeoutError } from "./flight.ts";
export { createRedisFleetLog } from "./fleet-log.ts";
export { createFleetShadow, type FleetShadow } from "./fleet-shadow.ts";
export { createPageCache, type PageCacheOptions } from "./page-cache.ts";
export { createRedisStore, type RedisStore, type RedisStoreOptions } from "./redis-store.ts";
export type { CacheStore } from "./store.ts";
