import { describe, expect, test } from "bun:test";
import { credentialsLabel } from "@mestore/contract/performance-profile";
import { createAuthority, issueCertificate } from "@mestore/tools/cluster/certificates";
import { fast, type TunedShops, useShops } from "./bench.fixture.ts";
import { everyRule } from "./operator-account.fixture.ts";

/**
 * How the operator gets at a Prometheus that a profile names: credentials from Secrets, TLS under an authority
 * of one's own, and the addresses that the operator's flag allows. The servers only guard the door, over
 * real TLS: who is let in finds no series, and `MetricsEmpty` says so.
 */
type ShopName =
  | "bearer"
  | "basic"
  | "rotated"
  | "unlabelled"
  | "incomplete"
  | "unnamedAuthority"
  | "otherAuthority"
  | "notAllowed"
  | "redirected";
const pods = { pods: 1 };
const shops = useShops<ShopName>(
  {
    ...{ bearer: pods, basic: pods, rotated: pods, unlabelled: pods, incomplete: pods },
    ...{ unnamedAuthority: pods, otherAuthority: pods, notAllowed: pods, redirected: pods },
  },
  { begin: openDoors, rules: everyRule },
);

/** What a profile must show at the guarded address; the path there begins with the name of its shop. */
const expected: Partial<Record<ShopName, string>> = {
  bearer: "Bearer for-bearer",
  basic: `Basic ${Buffer.from("operator:opens: it").toString("base64")}`,
  rotated: "Bearer second",
};
/** Names of shops that got as far as a request, by where it arrived. */
const arrived = { guarded: new Set<string>(), forbidden: new Set<string>() };
const authorities = { own: "", other: "" };
let guardedUrl = "";
let forbiddenUrl = "";

async function openDoors({ bench, account }: TunedShops<ShopName>) {
  const own = await createAuthority("monitoring");
  authorities.own = own.certificate;
  authorities.other = (await createAuthority("monitoring")).certificate;
  const { certificate: cert, key } = await issueCertificate(own, {
    commonName: "prometheus",
    ipAddresses: ["127.0.0.1"],
  });
  const shopOf = (request: Request) => new URL(request.url).pathname.split("/")[1] ?? "";
  const nothing = () =>
    Response.json({ status: "success", data: { resultType: "vector", result: [] } });
  const forbidden = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      arrived.forbidden.add(shopOf(request));
      return nothing();
    },
  });
  const guarded = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert, key },
    fetch(request) {
      const name = shopOf(request);
      arrived.guarded.add(name);
      if (name === "redirected") return Response.redirect(`${forbiddenUrl}/${name}`, 307);
      const isLetIn = request.headers.get("authorization") === expected[name as ShopName];
      return isLetIn ? nothing() : new Response(null, { status: 401 });
    },
  });
  for (const server of [forbidden, guarded]) bench.closeAfter(() => server.stop(true));
  [forbiddenUrl, guardedUrl] = [forbidden.url.origin, guarded.url.origin];
  return account.start([...fast, "--prometheus-allow", guardedUrl]);
}

const secretsIn = (name: ShopName) => `/api/v1/namespaces/${shops.of(name).namespace}/secrets`;

async function putSecret(
  name: ShopName,
  secret: string,
  stringData: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>> = { [credentialsLabel]: "true" },
): Promise<void> {
  const metadata = { name: secret, labels };
  await shops.cluster.request("POST", secretsIn(name), { metadata, stringData });
}

/** A profile whose Prometheus is at the guarded address, of the authority that issued its certificate. */
async function putProfile(name: ShopName, prometheus: object): Promise<void> {
  await putSecret(name, "authority", { "ca.crt": authorities.own });
  const url = `${guardedUrl}/${name}`;
  await shops.of(name).putProfile({
    metrics: { prometheus: { url, caSecretName: "authority", ...prometheus } },
  });
}

const bearer = { auth: { type: "Bearer", secretName: "credentials" } };

const untilUnavailable = (name: ShopName, reason: string) =>
  shops.of(name).untilCondition("MetricsAvailable", `False ${reason}`);

/** As the status says it. */
async function detailOf(name: ShopName): Promise<string | undefined> {
  const status = await shops.of(name).readStatus();
  return status?.conditions.find(({ type }) => type === "MetricsAvailable")?.message;
}

describe("credentials from Secrets open the door", () => {
  test.concurrent("a bearer token", async () => {
    await putSecret("bearer", "credentials", { token: "for-bearer" });
    await putProfile("bearer", bearer);
    await untilUnavailable("bearer", "MetricsEmpty");
  });

  test.concurrent("a name and a password", async () => {
    await putSecret("basic", "credentials", { username: "operator", password: "opens: it" });
    await putProfile("basic", { auth: { type: "Basic", secretName: "credentials" } });
    await untilUnavailable("basic", "MetricsEmpty");
  });

  test.concurrent("a token that was changed, within a minute", async () => {
    await putSecret("rotated", "credentials", { token: "first" });
    await putProfile("rotated", bearer);
    await untilUnavailable("rotated", "MetricsUnreachable");
    expect(await detailOf("rotated")).toContain("401");
    const patch = { stringData: { token: "second" } };
    await shops.cluster.request("PATCH", `${secretsIn("rotated")}/credentials`, patch);
    await untilUnavailable("rotated", "MetricsEmpty");
  });
});

describe("without them nobody knocks", () => {
  test.concurrent("a Secret that is not labelled for this is not used", async () => {
    await putSecret("unlabelled", "credentials", { token: "for-bearer" }, {});
    await putProfile("unlabelled", bearer);
    await untilUnavailable("unlabelled", "MetricsCredentialsMissing");
    expect(await detailOf("unlabelled")).toContain(credentialsLabel);
    expect(arrived.guarded.has("unlabelled")).toBe(false);
  });

  test.concurrent("nor is one without the key", async () => {
    await putSecret("incomplete", "credentials", { username: "operator" });
    await putProfile("incomplete", { auth: { type: "Basic", secretName: "credentials" } });
    await untilUnavailable("incomplete", "MetricsCredentialsMissing");
    expect(await detailOf("incomplete")).toContain("password");
    expect(arrived.guarded.has("incomplete")).toBe(false);
  });
});

describe("a server of another authority is told nothing", () => {
  test.concurrent("where the profile names none: the system's", async () => {
    await putSecret("unnamedAuthority", "credentials", { token: "for-bearer" });
    await putProfile("unnamedAuthority", { ...bearer, caSecretName: undefined });
    await untilUnavailable("unnamedAuthority", "MetricsUnreachable");
    expect(await detailOf("unnamedAuthority")).toContain("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    expect(arrived.guarded.has("unnamedAuthority")).toBe(false);
  });

  test.concurrent("where it names one", async () => {
    await putSecret("otherAuthority", "credentials", { token: "for-bearer" });
    await putSecret("otherAuthority", "other", { "ca.crt": authorities.other });
    await putProfile("otherAuthority", { ...bearer, caSecretName: "other" });
    await untilUnavailable("otherAuthority", "MetricsUnreachable");
    expect(await detailOf("otherAuthority")).toContain("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    expect(arrived.guarded.has("otherAuthority")).toBe(false);
  });
});

describe("an address that the operator's flag does not allow is not called", () => {
  test.concurrent("where the profile names it", async () => {
    await putProfile("notAllowed", { url: `${forbiddenUrl}/notAllowed` });
    await untilUnavailable("notAllowed", "MetricsSourceForbidden");
    expect(await detailOf("notAllowed")).toContain(forbiddenUrl);
    expect(arrived.forbidden.has("notAllowed")).toBe(false);
  });

  test.concurrent("where an allowed one leads there", async () => {
    await putProfile("redirected", {});
    await untilUnavailable("redirected", "MetricsSourceForbidden");
    expect(arrived.guarded.has("redirected")).toBe(true);
    expect(arrived.forbidden.has("redirected")).toBe(false);
  });
});
