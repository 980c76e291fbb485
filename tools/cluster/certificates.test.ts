import { describe, expect, test } from "bun:test";
import { createPublicKey, verify, X509Certificate } from "node:crypto";
import { createAuthority, createSigningKeys, issueCertificate, signToken } from "./certificates.ts";

/** Read by OpenSSL's code, which is not the library that made them. */

describe("certificates", () => {
  test("an authority signs certificates that say who and where", async () => {
    const authority = await createAuthority("mestore-cluster");
    const issued = await issueCertificate(authority, {
      commonName: "alice",
      organizations: ["developers", "system:masters"],
      dnsNames: ["kubernetes.default.svc"],
      ipAddresses: ["10.96.0.1"],
    });
    const root = new X509Certificate(authority.certificate);
    const certificate = new X509Certificate(issued.certificate);
    expect(root.ca).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(root.publicKey)).toBe(true);
    expect(certificate.checkIssued(root)).toBe(true);
    expect(certificate.subject.split("\n")).toEqual([
      "O=developers",
      "O=system:masters",
      "CN=alice",
    ]);
    expect(certificate.checkHost("kubernetes.default.svc")).toBe("kubernetes.default.svc");
    expect(certificate.checkIP("10.96.0.1")).toBe("10.96.0.1");
  });

  test("are valid now, for a year, the authority for ten", async () => {
    const authority = await createAuthority("ca");
    const issued = await issueCertificate(authority, { commonName: "x" });
    const yearsOf = (pem: string) => {
      const { validFrom, validTo } = new X509Certificate(pem);
      expect(Date.parse(validFrom)).toBeLessThan(Date.now());
      return Math.round((Date.parse(validTo) - Date.parse(validFrom)) / (365 * 86_400_000));
    };
    expect(yearsOf(issued.certificate)).toBe(1);
    expect(yearsOf(authority.certificate)).toBe(10);
  });
});

test("a token is signed so that its public key proves it", async () => {
  const { key, publicKey } = await createSigningKeys();
  const token = await signToken(key, { sub: "robot" });
  const [header = "", claims = "", signature = ""] = token.split(".");
  const decode = (text: string) => JSON.parse(Buffer.from(text, "base64url").toString());
  expect(decode(header)).toEqual({ alg: "ES256", typ: "JWT" });
  expect(decode(claims)).toEqual({ sub: "robot" });
  const proof = { key: createPublicKey(publicKey), dsaEncoding: "ieee-p1363" as const };
  const text = Buffer.from(`${header}.${claims}`);
  expect(verify("sha256", text, proof, Buffer.from(signature, "base64url"))).toBe(true);
});
