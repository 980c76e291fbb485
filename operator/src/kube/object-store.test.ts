import { expect, test } from "bun:test";
import { createObjectStore, type ObjectChange } from "./object-store.ts";
import { isLater, type KubeObject } from "./objects.ts";

interface Pet extends KubeObject {
  readonly noise: string;
}

const pet = (name: string, version: string, noise = "moo", uid = name): Pet => ({
  metadata: { namespace: "farm", name, uid, resourceVersion: version },
  noise,
});

function createBench() {
  const changes: string[] = [];
  const store = createObjectStore<Pet>(
    (object) => object as Pet,
    ({ key, before, after }: ObjectChange<Pet>) =>
      changes.push(`${key}: ${before?.noise ?? "-"} > ${after?.noise ?? "-"}`),
  );
  return { store, changes, names: () => [...store.values()].map(({ metadata }) => metadata.name) };
}

test("versions are numbers of any length", () => {
  expect(isLater("10", "9")).toBe(true);
  expect(isLater("9", "10")).toBe(false);
  expect(isLater("10", "10")).toBe(false);
  expect(isLater("18446744073709551616", "9007199254740993")).toBe(true);
});

test("tells of what differs in what is kept, once, and of no mere version", () => {
  const { store, changes } = createBench();
  store.absorb(pet("cow", "5"));
  store.absorb(pet("cow", "6"));
  store.absorb(pet("cow", "7", "quack"));
  store.remove(pet("cow", "8"));
  expect(changes).toEqual(["farm/cow: - > moo", "farm/cow: moo > quack", "farm/cow: quack > -"]);
  expect(store.get("farm/cow")).toBeNull();
});

test("what a write has just made of an object outlives the watch's older news of it", () => {
  const { store } = createBench();
  store.absorb(pet("cow", "7", "quack"));
  store.absorb(pet("cow", "6"));
  expect(store.get("farm/cow")?.noise).toBe("quack");
  store.replace([pet("cow", "6")], "6");
  expect(store.get("farm/cow")?.noise).toBe("quack");
});

test("the end of an object of that name does not take another one's life", () => {
  const { store } = createBench();
  store.absorb(pet("cow", "9", "moo", "second"));
  store.remove(pet("cow", "8", "moo", "first"));
  expect(store.get("farm/cow")).not.toBeNull();
});

test("the answer to the write that was its end does not bring an object back", () => {
  const { store } = createBench();
  store.absorb(pet("cow", "5"));
  store.remove(pet("cow", "7"));
  store.absorb(pet("cow", "6", "quack"));
  expect(store.get("farm/cow")).toBeNull();
  // Nor does it after a list; another one of that name is another matter.
  store.replace([], "10");
  store.absorb(pet("cow", "6", "quack"));
  expect(store.get("farm/cow")).toBeNull();
  store.absorb(pet("cow", "11", "moo", "second"));
  expect(store.get("farm/cow")?.noise).toBe("moo");
});

test("a list takes away what it lacks, but for what came after it", () => {
  const { store, names } = createBench();
  for (const [name, version] of [
    ["cow", "5"],
    ["hen", "6"],
    ["pig", "12"],
  ] as const)
    store.absorb(pet(name, version));
  store.replace([pet("hen", "6")], "10");
  expect(names()).toEqual(["hen", "pig"]);
});

test("a server restored from a backup is believed, though its versions are lower", () => {
  const { store, names } = createBench();
  store.replace([pet("cow", "90"), pet("hen", "95")], "100");
  store.replace([pet("cow", "40", "quack")], "50");
  expect(names()).toEqual(["cow"]);
  expect(store.get("farm/cow")?.noise).toBe("quack");
});
