/** What checks and tests came to. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const noTests: Tally = { passed: 0, failed: 0, skipped: 0 };

export function addTallies(tallies: readonly Tally[]): Tally {
  return tallies.reduce(
    (sum, one) => ({
      passed: sum.passed + one.passed,
      failed: sum.failed + one.failed,
      skipped: sum.skipped + one.skipped,
    }),
    noTests,
  );
}

/** A test that did not run has proved nothing: where nobody looks (CI) it counts as failed. */
export function refuseSkips(tally: Tally): Tally {
  return { ...tally, failed: tally.failed + tally.skipped, skipped: 0 };
}

/** The last line of `./mestore test`, which other programs read. */
export function formatSummary({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
