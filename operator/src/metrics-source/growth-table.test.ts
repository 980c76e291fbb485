import { expect, test } from "bun:test";
import fc from "fast-check";
import { createGrowthTable } from "./growth-table.ts";

test("rows keep what was put into them while the table grows, and come back as zeros", () => {
  const command = fc.oneof(
    fc.record({ kind: fc.constant("take" as const) }),
    fc.record({ kind: fc.constant("release" as const), row: fc.nat(100) }),
    fc.record({
      kind: fc.constant("set" as const),
      row: fc.nat(100),
      column: fc.nat(300),
      amount: fc.nat(1000),
    }),
    fc.record({ kind: fc.constant("add" as const), row: fc.nat(100), from: fc.nat(100) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const table = createGrowthTable();
      const model = new Map<number, Map<number, number>>();
      const pick = (index: number) => [...model.keys()][index % model.size];
      for (const one of commands) {
        if (one.kind === "take") {
          const row = table.takeRow();
          expect(model.has(row)).toBe(false);
          model.set(row, new Map());
          continue;
        }
        const row = pick(one.row);
        const columns = row === undefined ? undefined : model.get(row);
        if (row === undefined || columns === undefined) continue;
        if (one.kind === "release") {
          table.releaseRow(row);
          model.delete(row);
        } else if (one.kind === "set") {
          table.set(row, one.column, one.amount);
          columns.set(one.column, one.amount);
        } else {
          const from = pick(one.from);
          if (from === undefined) continue;
          table.addRow(row, from);
          for (const [column, amount] of [...(model.get(from) ?? [])])
            columns.set(column, (columns.get(column) ?? 0) + amount);
        }
      }
      for (const [row, columns] of model) {
        const totals = new Float64Array(301);
        table.addTo(totals, row);
        const expected = new Float64Array(301);
        for (const [column, amount] of columns) expected[column] = amount;
        expect(totals).toEqual(expected);
      }
    }),
  );
});
