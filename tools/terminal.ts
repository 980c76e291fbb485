import colours from "picocolors";

/** How the commands speak. Colours honour NO_COLOR, FORCE_COLOR and whether a terminal listens. */

/** Width of the first column: the longest name of a part, and a gap. */
const nameWidth = 11;

/** One line about one part or step: `postgres   started in 1.3 s`. */
export function formatStep(name: string, text: string): string {
  return `  ${colours.bold(name.padEnd(nameWidth))}${text}`;
}

export function tellStep(name: string, text: string): void {
  console.log(formatStep(name, text));
}

/** `1.3 s`, `480 ms`. */
export function formatMs(ms: number): string {
  return ms < 950 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** `5 s`, `2 min 10 s`, `3 h 5 min`, `2 d 4 h`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  const units = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ] as const;
  const first = units.findIndex(([, size]) => whole >= size);
  if (first < 0) return `${Number(seconds.toFixed(1))} s`;
  let rest = whole;
  const parts = units.slice(first, first + 2).flatMap(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? [] : [`${count} ${unit}`];
  });
  return parts.join(" ");
}

/** `41 MiB`. */
export function formatBytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** The first `width` characters, the last of them an ellipsis when something was cut. */
export function fit(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Breaks a text at spaces into lines of at most `width` characters; a longer word is cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ").filter((one) => one !== "")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(fit(word, width));
  }
  return lines;
}
