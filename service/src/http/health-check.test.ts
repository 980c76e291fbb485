import { afterEach, expect, test } from "bun:test";
import { findUnwell } from "./health-check.ts";

const servers: Bun.Server<undefined>[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

function listen(fetch: (request: Request) => Response | Promise<Response>, hostname = "0.0.0.0") {
  const server = Bun.serve({ port: 0, hostname, fetch });
  servers.push(server);
  return { host: hostname, port: server.port ?? 0 };
}

test("a service that answers /livez is well, also when it listens on every address", async () => {
  const asked: string[] = [];
  const target = listen((request) => {
    asked.push(new URL(request.url).pathname);
    return new Response("ok");
  });
  expect(await findUnwell(target)).toBeNull();
  expect(asked).toEqual(["/livez"]);
});

test("so is one that listens on one address", async () => {
  expect(await findUnwell(listen(() => new Response("ok"), "127.0.0.1"))).toBeNull();
});

test("an answer that is no success says which", async () => {
  const target = listen(() => new Response("no", { status: 503 }));
  expect(await findUnwell(target)).toEndWith("/livez answers 503");
});

test("a port where nobody listens", async () => {
  const target = listen(() => new Response("ok"));
  await servers.pop()?.stop(true);
  expect(await findUnwell(target)).toContain("gives no answer");
});

test("a service that hangs is unwell after the deadline", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  const target = listen(() => promise);
  expect(await findUnwell(target, 50)).toContain("gives no answer");
  resolve(new Response("late"));
});
