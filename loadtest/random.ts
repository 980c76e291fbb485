import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Gives the next number of its sequence, from 0 up to but not including 1. */
export type Random = () => number;

/** The generator starts in a state that is mostly the seed itself; by then it has mixed. */
const warmUpNumbers = 64;

/** The same seed (an integer of 32 bits) gives the same sequence on every machine. */
export function createRandom(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  for (let i = 0; i < warmUpNumbers; i += 1) generator.next();
  return () => uniformFloat64(generator);
}
