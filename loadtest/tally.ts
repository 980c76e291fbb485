import { createHistogram } from "node:perf_hooks";

/** What became of the arrivals of some stretch of time. */
export interface TallyReport {
  readonly sent: number;
  /** Arrivals that were not sent: too many in flight, or nobody there. */
  readonly dropped: number;
  /** Failed requests by HTTP status (400 and above) or by the code of the connection's error. */
  readonly errors: Readonly<Record<string, number>>;
  /** 95th percentile of good and bad answers, from the time a request was due; null without any. */
  readonly p95Ms: number | null;
}

export interface Tally {
  countSent(): void;
  countDropped(): void;
  countAnswer(status: number, latencyMs: number): void;
  countFailure(code: string): void;
  /** What was counted since the last call of this method. */
  takeInterval(): TallyReport;
  /** What was counted since the start. */
  total(): TallyReport;
}

const firstErrorStatus = 400;
const microsecondsPerMillisecond = 1000;

export function createTally(): Tally {
  const whole = createSheet();
  let interval = createSheet();
  const both = (count: (sheet: Sheet) => void) => {
    count(whole);
    count(interval);
  };
  const fail = (sheet: Sheet, code: string) => {
    sheet.errors.set(code, (sheet.errors.get(code) ?? 0) + 1);
  };
  return {
    countSent: () => both((sheet) => (sheet.sent += 1)),
    countDropped: () => both((sheet) => (sheet.dropped += 1)),
    countFailure: (code) => both((sheet) => fail(sheet, code)),
    countAnswer(status, latencyMs) {
      both((sheet) => {
        sheet.latencyUs.record(Math.max(1, Math.round(latencyMs * microsecondsPerMillisecond)));
        if (status >= firstErrorStatus) fail(sheet, String(status));
      });
    },
    takeInterval() {
      const report = reportOf(interval);
      interval = createSheet();
      return report;
    },
    total: () => reportOf(whole),
  };
}

type Sheet = ReturnType<typeof createSheet>;

function createSheet() {
  return { sent: 0, dropped: 0, errors: new Map<string, number>(), latencyUs: createHistogram() };
}

function reportOf(sheet: Sheet): TallyReport {
  const { latencyUs } = sheet;
  return {
    sent: sheet.sent,
    dropped: sheet.dropped,
    errors: Object.fromEntries(sheet.errors),
    p95Ms: latencyUs.count === 0 ? null : latencyUs.percentile(95) / microsecondsPerMillisecond,
  };
}
