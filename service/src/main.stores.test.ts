import { afterAll, beforeAll, expect, test } from "bun:test";
import { useStores } from "@mestore/tools/stack/test-stores";
import { waitFor } from "@mestore/tools/stack/wait-for";
import postgres from "postgres";
import { migrateFully } from "../test/app.fixture.ts";
import { seedCatalogue } from "../test/catalogue.fixture.ts";
import { type ServiceProcess, startService } from "../test/process.fixture.ts";
import { poolSize } from "./database/database.ts";

let url: string;
let sql: postgres.Sql;
let service: ServiceProcess;

beforeAll(async () => {
  ({ postgresUrl: url } = await useStores());
  sql = postgres(url, { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await service.stop();
  await sql.end();
});

/** Process ids of the server's side of the service's connections. */
async function backends(): Promise<readonly number[]> {
  const rows = await sql<{ pid: number }[]>`
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'mestore' ORDER BY pid`;
  return rows.map(({ pid }) => pid);
}

test("a process is ready once all of its connections are open, and opens none for its first requests", async () => {
  service = await startService({ DATABASE_URL: url });
  const readyz = () => fetch(`${service.url}/readyz`);
  expect((await readyz()).status).toBe(503);
  await migrateFully(url);
  await seedCatalogue(url, 200);
  await waitFor(async () => (await readyz()).ok, { intervalMs: 5 });
  const opened = await backends();
  expect(opened).toHaveLength(poolSize);
  const pages = Array.from({ length: 40 }, (_, index) =>
    fetch(`${service.url}/api/v1/products/${2 + index}`),
  );
  for (const page of await Promise.all(pages)) expect(page.status).toBe(200);
  expect(await backends()).toEqual(opened);
}, 60_000);
