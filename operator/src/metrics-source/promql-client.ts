import { lookup } from "node:dns/promises";
import { isIP, isIPv6 } from "node:net";
import { z } from "zod";
import type { RejectedReading } from "../control/ports.ts";
import { createAddressGuard, hostOf } from "./address-guard.ts";
import type { VectorElement } from "./fleet-query.ts";
import { rejected } from "./page-figures.ts";
import type { PrometheusOptions } from "./prometheus.ts";
import { readBody } from "./read-body.ts";

/** The instant queries of the Prometheus HTTP API, with every way to fail as a value. */
export interface PromqlClient {
  /** A scalar comes as one element without labels. Never throws. */
  query(promql: string, atSeconds: number): Promise<readonly VectorElement[] | RejectedReading>;
}

/** From http to https, and to another path of a proxy; more is a loop. */
const mostRedirects = 3;

/** Of a Prometheus' own words about a query. */
const mostErrorCharacters = 300;

const sampleSchema = z.tuple([z.number(), z.string()]);
const answerSchema = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("success"),
    data: z.discriminatedUnion("resultType", [
      z.object({
        resultType: z.literal("vector"),
        result: z.array(
          z.object({ metric: z.record(z.string(), z.string()), value: sampleSchema }),
        ),
      }),
      z.object({ resultType: z.literal("scalar"), result: sampleSchema }),
    ]),
    warnings: z.array(z.string()).nullish(),
  }),
  z.object({
    status: z.literal("error"),
    errorType: z.string().default(""),
    error: z.string().default(""),
  }),
]);

/**
 * A client that calls only what the allow-list admits: it resolves a name itself, looks at every
 * address behind it, and connects to the very address that it looked at, so that a name which
 * resolves otherwise a moment later leads nowhere else. Not covered: a proxy that the environment
 * names (HTTP_PROXY) is handed the checked address and may go where it likes.
 * @throws Error when the allow-list is malformed
 */
export function createPromqlClient(options: PrometheusOptions): PromqlClient {
  const { timeoutSeconds, maximumBytes = 8 * 1024 * 1024 } = options;
  const guard = createAddressGuard(options.allow);

  async function send(promql: string, atSeconds: number, signal: AbortSignal) {
    const credentials = (await options.credentials?.()) ?? {};
    if ("reason" in credentials) return credentials;
    const body = new URLSearchParams({
      query: promql,
      time: atSeconds.toFixed(3),
      timeout: String(timeoutSeconds),
    });
    let url = URL.parse(`${options.url.replace(/\/$/, "")}/api/v1/query`);
    const own = url?.origin;
    for (let hops = 0; url !== null; hops += 1) {
      const address = await findAddress(url, signal);
      if (typeof address !== "string") return address;
      const headers = new Headers({ host: url.host, accept: "application/json" });
      // Another server must not learn what was meant for this one.
      if (url.origin === own) {
        for (const { name, value } of options.headers ?? []) headers.set(name, value);
        if (credentials.authorization !== undefined)
          headers.set("authorization", credentials.authorization);
      }
      const pinned = new URL(url);
      pinned.hostname = isIPv6(address) ? `[${address}]` : address;
      const response: Response = await fetch(pinned.href, {
        method: "POST",
        body,
        headers,
        redirect: "manual",
        signal,
        ...(url.protocol === "https:"
          ? {
              tls: {
                serverName: hostOf(url),
                ...(credentials.ca === undefined ? {} : { ca: credentials.ca }),
              },
            }
          : {}),
      });
      const location =
        response.status >= 300 && response.status < 400 ? response.headers.get("location") : null;
      if (location === null) return readAnswer(response, url, maximumBytes);
      await response.body?.cancel();
      if (hops === mostRedirects)
        return rejected("MetricsUnreachable", `${own} redirects more than ${mostRedirects} times`);
      url = URL.parse(location, url.href);
    }
    return rejected("MetricsInvalid", "the address is no URL");
  }

  /** The address that is called for this URL. */
  async function findAddress(url: URL, signal: AbortSignal): Promise<string | RejectedReading> {
    const admission = guard.admit(url);
    if (!admission.ok) return rejected("MetricsSourceForbidden", admission.detail);
    const host = hostOf(url);
    const addresses = isIP(host) === 0 ? await resolve(host, signal) : [host];
    const [first] = addresses;
    if (first === undefined) return rejected("MetricsUnreachable", `${host} has no address`);
    const forbidden = addresses.find((address) => !admission.admitsAddress(address));
    if (forbidden !== undefined)
      return rejected(
        "MetricsSourceForbidden",
        `${host} resolves to ${forbidden}, which the allowed addresses must name by its host`,
      );
    return first;
  }

  return {
    async query(promql, atSeconds) {
      const signal = AbortSignal.timeout(timeoutSeconds * 1000);
      try {
        return await send(promql, atSeconds, signal);
      } catch (error) {
        if (signal.aborted)
          return rejected("MetricsTimeout", `no answer within ${timeoutSeconds} s`);
        return rejected("MetricsUnreachable", `cannot be reached: ${describeError(error)}`);
      }
    },
  };
}

async function resolve(host: string, signal: AbortSignal): Promise<readonly string[]> {
  const late = Promise.withResolvers<never>();
  const onAbort = () => late.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const found = await Promise.race([lookup(host, { all: true }), late.promise]);
    return found.map(({ address }) => address);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function readAnswer(
  response: Response,
  url: URL,
  maximumBytes: number,
): Promise<readonly VectorElement[] | RejectedReading> {
  const { status } = response;
  const body = await readBody(response, maximumBytes);
  if (body === null)
    return rejected("MetricsInvalid", `the answer is larger than ${maximumBytes} bytes`);
  const answer = answerSchema.safeParse(parseJson(body)).data;
  if (answer?.status === "error" && answer.errorType === "timeout")
    return rejected("MetricsTimeout", "the query took longer than it was given");
  if (answer?.status === "error" && (status === 400 || status === 422))
    return rejected("MetricsInvalid", `refused: ${answer.error.slice(0, mostErrorCharacters)}`);
  if (!response.ok) return rejected("MetricsUnreachable", `${url.origin} answered ${status}`);
  if (answer?.status !== "success")
    return rejected("MetricsInvalid", `${url.origin} answers no instant query of a Prometheus`);
  const [warning] = answer.warnings ?? [];
  if (warning !== undefined)
    return rejected(
      "MetricsInvalid",
      `the answer may be partial: ${warning.slice(0, mostErrorCharacters)}`,
    );
  const { data } = answer;
  const elements =
    data.resultType === "scalar" ? [{ metric: {}, value: data.result }] : data.result;
  return elements.map(({ metric, value: [, text] }) => ({
    labels: metric,
    value: readValue(text),
  }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `NaN`, `+Inf` and `-Inf` as a Prometheus writes them. */
function readValue(text: string): number {
  return text.endsWith("Inf") ? Number(text.replace("Inf", "Infinity")) : Number(text);
}

/** The cause without the address, which the operator made itself. */
/** Codes of OpenSSL for a chain that leads to no authority that is trusted. */
const untrusted: ReadonlySet<string> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]);

function describeError(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = String(code ?? message);
  return untrusted.has(text)
    ? `${text} (caSecretName names the Secret with its certificate authority)`
    : text;
}
