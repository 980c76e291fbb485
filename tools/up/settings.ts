import type { TrafficChoice, UpSettings } from "./state.ts";

/** The options of one `./mestore up` as they were typed; what was not typed is absent. */
export interface GivenOptions {
  readonly port?: number;
  readonly products?: number;
  readonly traffic?: TrafficChoice;
  readonly operator?: boolean;
  readonly timeScale?: number;
  readonly postgres?: string;
  readonly redis?: string;
}

export const defaultPort = 8000;
export const defaultProducts = 5000;

/** Fast enough to see the loop settle within minutes; 1 is what production runs. */
const demoTimeScale = 15;

/**
 * What the stack shall be. An option that was not given stays as the running stack has it, so that
 * a plain `./mestore up` brings back what died and changes nothing else; without a running stack it
 * is the default.
 */
export function decideSettings(given: GivenOptions, running: UpSettings | null): UpSettings {
  const traffic = given.traffic ?? running?.traffic ?? "none";
  const timeScaleOfTraffic = traffic === "demo" ? demoTimeScale : 1;
  return {
    port: given.port ?? running?.port ?? defaultPort,
    products: given.products ?? running?.products ?? defaultProducts,
    traffic,
    operator: given.operator ?? running?.operator ?? true,
    timeScale:
      given.timeScale ??
      (given.traffic === undefined && running !== null ? running.timeScale : timeScaleOfTraffic),
    postgres: given.postgres ?? running?.postgres ?? null,
    redis: given.redis ?? running?.redis ?? null,
  };
}

export type StoreUrl =
  { readonly ok: true; readonly url: string } | { readonly ok: false; readonly message: string };

/** Checks the address of a store of one's own. The message never repeats it: it may hold a password. */
export function parseStoreUrl(text: string, protocols: readonly string[]): StoreUrl {
  const wanted = protocols.map((protocol) => `${protocol}//`).join(" or ");
  if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol))
    return { ok: false, message: `must be a URL that begins with ${wanted}` };
  return { ok: true, url: text };
}

/** Query parameters in which drivers take a secret: libpq's `password`, a vendor's `auth_token`. */
const secretKey = /pass|pwd|secret|token|auth|credential|api-?key/i;

/** The address with its passwords hidden, for messages. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (parsed.password !== "") parsed.password = "***";
  for (const key of [...parsed.searchParams.keys()])
    if (secretKey.test(key)) parsed.searchParams.set(key, "***");
  return parsed.href;
}
