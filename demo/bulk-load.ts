import type { TransactionSQL } from "bun";

/**
 * Loading into empty tables is several times faster without their indexes, keys and foreign keys:
 * sorting once beats inserting at random places, and one join checks what row triggers would check
 * one by one. They are dropped and recreated inside the caller's transaction, so that a failure
 * leaves them as they were, from PostgreSQL's own definitions, which verifies every row.
 */
export interface SuspendedObjects {
  /** Statements that bring back what was dropped, in order. */
  readonly recreate: readonly string[];
}

interface DroppableRow {
  readonly drop: string;
  readonly recreate: string;
}

/**
 * Drops what can be dropped on empty `tables` and answers how to bring it back. A key or index stays
 * when something outside leans on it: a foreign key of a table that is not ours to change, a view
 * that groups by it, replication or clustering. A role that does not own the tables drops nothing:
 * its load is slower and just as right.
 */
export async function suspendConstraints(
  tx: TransactionSQL,
  tables: readonly string[],
): Promise<SuspendedObjects> {
  if (!(await ownsAll(tx, tables))) return { recreate: [] };
  const names = tables.join(",");
  const foreignKeys: DroppableRow[] = await tx`
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname) AS drop,
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname,
                  pg_get_constraintdef(c.oid)) AS recreate
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
    WHERE c.contype = 'f' AND c.conparentid = 0 AND pg_has_role(t.relowner, 'USAGE')
      AND (c.conrelid = ANY (string_to_array(${names}, ',')::regclass[])
           OR c.confrelid = ANY (string_to_array(${names}, ',')::regclass[]))
    ORDER BY c.conrelid::regclass::text, c.conname`;
  await dropAll(tx, foreignKeys);
  const keys: DroppableRow[] = await tx`
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname) AS drop,
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname,
                  pg_get_constraintdef(c.oid)) AS recreate
    FROM pg_constraint c JOIN pg_index i ON i.indexrelid = c.conindid
    WHERE c.contype IN ('p', 'u') AND c.conrelid = ANY (string_to_array(${names}, ',')::regclass[])
      AND NOT i.indisreplident AND NOT i.indisclustered
      AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = c.conindid)
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_constraint'::regclass
                      AND d.refobjid = c.oid AND d.deptype = 'n')
    ORDER BY c.conrelid::regclass::text, c.conname`;
  await dropAll(tx, keys);
  const indexes: DroppableRow[] = await tx`
    SELECT format('DROP INDEX %s', i.indexrelid::regclass) AS drop,
           pg_get_indexdef(i.indexrelid) AS recreate
    FROM pg_index i
    WHERE i.indrelid = ANY (string_to_array(${names}, ',')::regclass[])
      AND i.indisvalid AND NOT i.indisreplident AND NOT i.indisclustered
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
    ORDER BY i.indexrelid::regclass::text`;
  await dropAll(tx, indexes);
  return { recreate: [...keys, ...indexes, ...foreignKeys].map((object) => object.recreate) };
}

/** Brings back what `suspendConstraints` dropped. Fails when a row breaks a constraint. */
export async function restoreConstraints(
  tx: TransactionSQL,
  { recreate }: SuspendedObjects,
): Promise<void> {
  for (const statement of recreate) await tx.unsafe(statement);
}

/** Bytes a write of COPY data: about what a loopback socket takes at once. */
const pieceBytes = 256 * 1024;

/** Sends `text` as the rows of a COPY. */
export async function copyText(tx: TransactionSQL, statement: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  const writer = tx.unsafe(statement).writable().getWriter();
  for (let start = 0; start < bytes.length; start += pieceBytes)
    await writer.write(bytes.subarray(start, start + pieceBytes));
  await writer.close();
}

async function ownsAll(tx: TransactionSQL, tables: readonly string[]): Promise<boolean> {
  const [row]: { owns: boolean }[] = await tx`
    SELECT bool_and(pg_has_role(relowner, 'USAGE')) AS owns
    FROM pg_class WHERE oid = ANY (string_to_array(${tables.join(",")}, ',')::regclass[])`;
  return row?.owns === true;
}

async function dropAll(tx: TransactionSQL, rows: readonly DroppableRow[]): Promise<void> {
  for (const row of rows) await tx.unsafe(row.drop);
}
