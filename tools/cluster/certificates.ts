// The X.509 library injects its parts by decorators, which read metadata through this polyfill.
import "reflect-metadata";
import { randomBytes } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A certificate and its private key, both PEM; the key is PKCS #8. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate says of its holder. Kubernetes reads the user from CN and the groups from O. */
export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** P-256 with SHA-256: what every TLS 1.2 and 1.3 client of Kubernetes accepts, and made in a millisecond. */
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** The authority outlives its certificates, which are issued anew at each start. */
const authorityDays = 3650;
const certificateDays = 365;
const dayMs = 86_400_000;

/** A certificate is valid from a little earlier: the clock of another machine may be behind. */
const backdatedMs = 300_000;

/** Makes a certificate authority of its own name, valid for ten years. */
export async function createAuthority(commonName: string): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(authorityDays),
    serialNumber: createSerial(),
    name: [{ CN: [commonName] }],
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await exportKey(keys.privateKey) };
}

/** Issues a certificate for servers and clients alike, valid for a year. */
export async function issueCertificate(authority: KeyPair, subject: Subject): Promise<KeyPair> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await importKey(authority.key);
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const names: x509.JsonGeneralNames = [
    ...(subject.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(subject.ipAddresses ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(certificateDays),
    serialNumber: createSerial(),
    issuer: issuer.subjectName,
    // Each organisation is an RDN of its own, which Kubernetes reads as one group each.
    subject: [
      ...(subject.organizations ?? []).map((O) => ({ O: [O] })),
      { CN: [subject.commonName] },
    ],
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await exportKey(keys.privateKey) };
}

/** The keys that sign and verify service-account tokens (ES256), PEM: PKCS #8 and SPKI. */
export async function createSigningKeys(): Promise<{ key: string; publicKey: string }> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const spki = await crypto.subtle.exportKey("spki", keys.publicKey);
  return {
    key: await exportKey(keys.privateKey),
    publicKey: x509.PemConverter.encode(spki, "PUBLIC KEY"),
  };
}

/** Signs a JSON Web Token with the private key of `createSigningKeys` (RFC 7515, compact form; ES256). */
export async function signToken(key: string, claims: object): Promise<string> {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${encode({ alg: "ES256", typ: "JWT" })}.${encode(claims)}`;
  const signature = await crypto.subtle.sign(
    algorithm,
    await importKey(key),
    new TextEncoder().encode(text),
  );
  return `${text}.${Buffer.from(signature).toString("base64url")}`;
}

const validity = (days: number) => ({
  notBefore: new Date(Date.now() - backdatedMs),
  notAfter: new Date(Date.now() + days * dayMs),
});

/** A positive number of 16 bytes (RFC 5280, 4.1.2.2). */
function createSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function exportKey(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function importKey(pem: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem), algorithm, false, [
    "sign",
  ]);
}
