/** The parts of Kubernetes objects that are read here; the server sends more. */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

export interface ObjectMeta {
  readonly name: string;
  /** Empty for what lives in no namespace. */
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFields[];
}

export interface KubeObject {
  readonly metadata: ObjectMeta;
}

export interface KubeList<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[] | null;
}

/** `namespace/name`, or the name of what lives in no namespace. */
export function keyOf({ namespace, name }: Pick<ObjectMeta, "name" | "namespace">): string {
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/** @throws TypeError when `key` is no `namespace/name` */
export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const [namespace, name, ...rest] = key.split("/");
  if (!namespace || !name || rest.length > 0) throw new TypeError(`${key} is no namespace/name`);
  return { namespace, name };
}

/**
 * Whether version `a` is later than `b`. Resource versions are decimal numbers of any length that
 * grow with every write (KEP-5504 makes that official).
 */
export function isLater(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}

/** What a write must name so that it meets the very object that was looked at, as it was then. */
export interface Observed {
  readonly uid: string;
  readonly resourceVersion: string;
}

/**
 * For a write that must create: no object has the version 1, so the server refuses (409) where there
 * is one. Without a version a server-side apply would merge into it.
 */
export const mustNotExist = { resourceVersion: "1" } as const;
