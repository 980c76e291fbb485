import { InvalidArgumentError } from "commander";
import { parseStoreUrl } from "../up/settings.ts";

/** A parser of whole numbers within bounds, for commander: anything else is wrong usage. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`Must be a whole number from ${least} to ${most}.`);
    return value;
  };
}

/** The address of a store; the message never repeats it, for it may hold a password. */
export function storeUrl(protocols: readonly string[]): (text: string) => string {
  return (text) => {
    const parsed = parseStoreUrl(text, protocols);
    if (!parsed.ok) throw new InvalidArgumentError(`It ${parsed.message}.`);
    return parsed.url;
  };
}
