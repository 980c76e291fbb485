import { isLater, type KubeObject, keyOf, splitKey } from "./objects.ts";

export interface ObjectChange<T> {
  /** `namespace/name` */
  readonly key: string;
  /** Null: it is new. */
  readonly before: T | null;
  /** Null: it is gone. */
  readonly after: T | null;
}

/** Objects as they were last seen, by namespace and name. */
export interface ObjectStore<T extends KubeObject> {
  get(key: string): T | null;
  inNamespace(namespace: string): Iterable<T>;
  values(): Iterable<T>;
  /**
   * An object as the server has just given it. An older version than the one known changes nothing, and
   * neither does one that is known to be gone: the answer to a write may come after the watch has told of
   * the end that this write was.
   */
  absorb(object: KubeObject): void;
  remove(object: KubeObject): void;
  /**
   * The whole collection as of `version`: what is absent from it is gone, unless it came later. A
   * version before that of the last collection is that of a server restored from a backup: then the list
   * is all there is.
   */
  replace(objects: readonly T[], version: string): void;
}

/**
 * Tells what differs in what is kept: a write that changes nothing of it (a status of which the projection
 * keeps nothing, a version) is told to nobody.
 */
export function createObjectStore<T extends KubeObject>(
  project: (object: KubeObject) => T,
  onChange: (change: ObjectChange<T>) => void,
): ObjectStore<T> {
  const namespaces = new Map<string, Map<string, T>>();
  let listedVersion = "0";
  /** Uids that went since the last list: an object of a version before that was not in it. */
  const gone = new Set<string>();

  const at = ({ metadata }: KubeObject) => namespaces.get(metadata.namespace ?? "");

  function put(after: T, evenIfOlder = false): void {
    const { namespace = "", name } = after.metadata;
    let objects = namespaces.get(namespace);
    if (objects === undefined) namespaces.set(namespace, (objects = new Map<string, T>()));
    const before = objects.get(name) ?? null;
    if (before !== null && !evenIfOlder && !isLater(versionOf(after), versionOf(before))) return;
    objects.set(name, after);
    if (before === null || !isSame(before, after))
      onChange({ key: keyOf(after.metadata), before, after });
  }

  const isGone = ({ metadata: { uid, resourceVersion } }: KubeObject) =>
    gone.has(uid) || !isLater(resourceVersion, listedVersion);

  function drop(object: KubeObject): void {
    const { namespace = "", name } = object.metadata;
    const before = at(object)?.get(name);
    if (before === undefined) return;
    const objects = namespaces.get(namespace);
    objects?.delete(name);
    if (objects?.size === 0) namespaces.delete(namespace);
    onChange({ key: keyOf(before.metadata), before, after: null });
  }

  function* values(): Iterable<T> {
    for (const objects of namespaces.values()) yield* objects.values();
  }

  return {
    get(key) {
      const { namespace, name } = splitKey(key);
      return namespaces.get(namespace)?.get(name) ?? null;
    },
    inNamespace: (namespace) => namespaces.get(namespace)?.values() ?? [],
    values,
    absorb(object) {
      const known = at(object)?.get(object.metadata.name);
      if (known !== undefined || !isGone(object)) put(project(object));
    },
    remove(object) {
      gone.add(object.metadata.uid);
      // Another one of the same name may have come since: its own events tell of it.
      const known = at(object)?.get(object.metadata.name);
      if (known !== undefined && known.metadata.uid === object.metadata.uid) drop(known);
    },
    replace(objects, version) {
      const restored = isLater(listedVersion, version);
      listedVersion = version;
      gone.clear();
      const listed = new Set(objects.map(({ metadata }) => keyOf(metadata)));
      for (const known of [...values()]) {
        const cameLater = !restored && isLater(versionOf(known), version);
        if (!listed.has(keyOf(known.metadata)) && !cameLater) drop(known);
      }
      for (const object of objects) put(object, restored);
    },
  };
}

function versionOf({ metadata }: KubeObject): string {
  return metadata.resourceVersion;
}

/** Whether two versions of an object differ in nothing that is kept but the version itself. */
function isSame<T extends KubeObject>(before: T, after: T): boolean {
  const { resourceVersion: _, ...metaBefore } = before.metadata;
  const { resourceVersion: __, ...metaAfter } = after.metadata;
  return Bun.deepEquals({ ...before, metadata: metaBefore }, { ...after, metadata: metaAfter });
}
