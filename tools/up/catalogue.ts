import postgres from "postgres";
import { StackFault, saysDiskFull } from "../stack/fault.ts";
import { repositoryRoot } from "../stack/paths.ts";
import { childEnvironment, serviceCommand } from "./parts.ts";

const migrationDeadlineMs = 120_000;

/**
 * Brings the schema up to date by the service's own program.
 * @throws StackFault STEP_FAILED with what it said
 */
export async function migrate(postgresUrl: string, signal: AbortSignal): Promise<void> {
  const child = Bun.spawn([...serviceCommand, "migrate"], {
    cwd: repositoryRoot,
    env: { ...childEnvironment(), DATABASE_URL: postgresUrl },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: migrationDeadlineMs,
    signal,
  });
  const [said, complained, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (exitCode === 0) return;
  const text = `${said}\n${complained}`.trim();
  throw new StackFault(
    saysDiskFull(text) ? "DISK_FULL" : "STEP_FAILED",
    `the migrations failed:\n${text.split("\n").slice(-8).join("\n")}`,
  );
}

export type Catalogue =
  | { readonly seeded: false; readonly products: number }
  | { readonly seeded: true; readonly products: number; readonly seconds: number };

export interface SeedOptions {
  readonly postgresUrl: string;
  readonly products: number;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Fills an empty catalogue; leaves one that holds anything as it is. What is interrupted is rolled
 * back, so that there is never half a catalogue.
 * @throws StackFault STEP_FAILED or DISK_FULL
 */
export async function seedWhenEmpty({
  postgresUrl,
  products,
  onProgress,
}: SeedOptions): Promise<Catalogue> {
  const [{ isCatalogueEmpty, seedDemo }, { SeedError }] = await Promise.all([
    import("@mestore/demo/seed"),
    import("@mestore/demo/seed-error"),
  ]);
  try {
    if (!(await isCatalogueEmpty(postgresUrl)))
      return { seeded: false, products: await countProducts(postgresUrl) };
    const result = await seedDemo({
      postgresUrl,
      products,
      onProgress: (progress) => onProgress(progress.products, progress.total),
    });
    return { seeded: true, products: result.products, seconds: result.seconds };
  } catch (error) {
    if (!(error instanceof SeedError)) throw error;
    const code = saysDiskFull(error.message) ? "DISK_FULL" : "STEP_FAILED";
    throw new StackFault(code, `the catalogue could not be filled: ${error.message}`);
  }
}

async function countProducts(postgresUrl: string): Promise<number> {
  const sql = postgres(postgresUrl, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    const [row] = await sql<{ count: number }[]>`select count(*)::int as count from products`;
    return row?.count ?? 0;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
