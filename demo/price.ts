/** Prices in minor units (cents of a euro) that look like a shop's. */

/** Currency of the demonstration catalogue. */
export const currency = "EUR";

/** Lowest and highest list price of a product type, in euros. */
export type PriceRange = readonly [number, number];

/**
 * A price within `range`. `position` 0 … 1 says where: 0 the simplest, 1 the best equipped. The
 * square makes cheap things more common than dear ones. `ending` 0 … 1 chooses among the endings.
 */
export function decidePriceMinor(range: PriceRange, position: number, ending: number): number {
  const [low, high] = range;
  const shape = 0.45 * position + 0.55 * position * position;
  return endPriceMinor(low + (high - low) * shape, ending);
}

/**
 * The nearest price with a customary ending: 4,95; 12,99; 129,00; 1.249,00.
 */
export function endPriceMinor(euros: number, ending: number): number {
  if (euros < 10) return Math.floor(euros) * 100 + (ending < 0.4 ? 95 : ending < 0.75 ? 99 : 50);
  if (euros < 100) return Math.floor(euros) * 100 + (ending < 0.45 ? 99 : ending < 0.85 ? 95 : 90);
  if (euros < 500) {
    const nines = Math.floor(euros / 5) * 5 + 4;
    return nines * 100 + (ending < 0.4 ? 99 : ending < 0.7 ? 0 : 95);
  }
  return (Math.floor(euros / 10) * 10 + 9) * 100;
}
