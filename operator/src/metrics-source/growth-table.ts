/**
 * Rows of amounts, one column a counter, in one block of memory that is written over and over: a
 * history that made new arrays for each reading kept several times its size of garbage around.
 * Single precision, for a share of 1 in 16 million is far below what any law resolves.
 */
export interface GrowthTable {
  /** A row of zeros. */
  takeRow(): number;
  /** It may be taken again. */
  releaseRow(row: number): void;
  set(row: number, column: number, amount: number): void;
  /** Adds `from` to `row`, column by column. */
  addRow(row: number, from: number): void;
  /** Adds a row to totals, which are at least as long as there are columns in use. */
  addTo(totals: Float64Array, row: number): void;
}

const firstRows = 32;
const firstColumns = 64;
/** What a table in need grows by: there is one for each target, so little is held in advance. */
const growth = 1.25;

/** A table that grows as far as it is used, and never shrinks. */
export function createGrowthTable(): GrowthTable {
  let rowCount = firstRows;
  let columnCount = firstColumns;
  let amounts = new Float32Array(rowCount * columnCount);
  let free = Array.from({ length: rowCount }, (_, index) => rowCount - 1 - index);

  function grow(rows: number, columns: number): void {
    const grown = new Float32Array(rows * columns);
    for (let row = 0; row < rowCount; row += 1)
      grown.set(amounts.subarray(row * columnCount, (row + 1) * columnCount), row * columns);
    free = [...Array.from({ length: rows - rowCount }, (_, index) => rows - 1 - index), ...free];
    amounts = grown;
    rowCount = rows;
    columnCount = columns;
  }

  return {
    takeRow() {
      if (free.length === 0) grow(Math.ceil(rowCount * growth), columnCount);
      const row = free.pop() ?? 0;
      amounts.fill(0, row * columnCount, (row + 1) * columnCount);
      return row;
    },
    releaseRow: (row) => void free.push(row),
    set(row, column, amount) {
      if (column >= columnCount)
        grow(rowCount, Math.max(column + 1, Math.ceil(columnCount * growth)));
      amounts[row * columnCount + column] = amount;
    },
    addRow(row, from) {
      const [to, source] = [row * columnCount, from * columnCount];
      for (let column = 0; column < columnCount; column += 1)
        amounts[to + column] = (amounts[to + column] ?? 0) + (amounts[source + column] ?? 0);
    },
    addTo(totals, row) {
      const start = row * columnCount;
      const columns = Math.min(columnCount, totals.length);
      for (let column = 0; column < columns; column += 1)
        totals[column] = (totals[column] ?? 0) + (amounts[start + column] ?? 0);
    },
  };
}
