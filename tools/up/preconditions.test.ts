import { expect, test } from "bun:test";
import { findFreePort, holdPort } from "../stack/free-port.ts";
import { choosePorts } from "./preconditions.ts";
import { emptyState, type PartName, type PartSettings, type State, withPart } from "./state.ts";

const recorded = (state: State, name: PartName, settings: PartSettings): State =>
  withPart(state, name, { pid: 1, birth: "", since: "", log: "", settings });

test("ports are chosen while the others are held, so that no two are the same", async () => {
  const same = await findFreePort();
  const state = recorded(recorded(emptyState, "postgres", { port: same }), "valkey", {
    port: same,
  });
  const ports = await choosePorts(state, {}, 8000);
  expect(ports.postgres).toBe(same);
  expect(new Set(Object.values(ports)).size).toBe(4);
});

test("the port of the shop goes to no other part, and all are free again afterwards", async () => {
  const shopPort = await findFreePort();
  const ports = await choosePorts(recorded(emptyState, "valkey", { port: shopPort }), {}, shopPort);
  expect(Object.values(ports)).not.toContain(shopPort);
  for (const port of Object.values(ports)) {
    const held = await holdPort(port);
    expect(held?.port).toBe(port);
    await held?.release();
  }
});

test("a part that lives keeps its port, a recorded one that is taken is given up", async () => {
  const taken = await holdPort(0);
  const port = taken?.port as number;
  const state = recorded(emptyState, "valkey", { port });
  try {
    expect((await choosePorts(state, state.parts, 8000)).valkey).toBe(port);
    expect((await choosePorts(state, {}, 8000)).valkey).not.toBe(port);
  } finally {
    await taken?.release();
  }
});
