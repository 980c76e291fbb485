type Environment = Readonly<Record<string, string | undefined>>;

/** Where programs are looked for when nobody has set PATH, as under `env -i` or cron. */
const standardPath = "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin";

/** Where an ordinary user's PATH, or that of `su` without a dash, often does not lead. */
const systemPath = "/usr/local/sbin:/usr/sbin:/sbin";

/** The path of a program, null where the machine has none of that name. */
export function findProgram(name: string, env: Environment = process.env): string | null {
  return Bun.which(name, { PATH: `${env["PATH"] || standardPath}:${systemPath}` });
}
