/** Figures as the sentences of decisions write them: short, with their unit. */

/** `0.8523` becomes `85.2 %`. */
export function formatShare(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Three significant digits, without an exponent: `10 s`, `51.3 s`, `3600 s`. */
export function formatSeconds(seconds: number): string {
  return `${Number(seconds.toPrecision(seconds >= 100 ? 4 : 3))} s`;
}

/** A wait or a period: `45 s`, `24 min`, `6 h`, `1.5 h`. */
export function formatDuration(seconds: number): string {
  const inUnit = (unit: number, name: string) =>
    `${Number((seconds / unit).toPrecision(3))} ${name}`;
  if (seconds >= 2 * 3600) return inUnit(3600, "h");
  return seconds >= 120 ? inUnit(60, "min") : inUnit(1, "s");
}

/** `12345` becomes `12,345`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** Keeps what is a number: the inputs of a decision are JSON. */
export function finiteInputs(
  inputs: Readonly<Record<string, number | null | undefined>>,
): Readonly<Record<string, number>> {
  const kept: Record<string, number> = {};
  for (const [name, value] of Object.entries(inputs)) {
    if (typeof value === "number" && Number.isFinite(value)) kept[name] = value;
  }
  return kept;
}
