/**
 * Student's t distribution for any positive number of degrees of freedom, whole or not.
 */

/**
 * ln Gamma(x), x > 0, by Lanczos' approximation with g = 7 and nine terms (relative error under
 * 1e-14; Lanczos 1964, coefficients of Godfrey 2001).
 */
export function logGamma(x: number): number {
  const coefficients = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
    -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
    1.5056327351493116e-7,
  ];
  // The approximation holds from 1/2 on; below, Gamma(x) = Gamma(x + 1) / x.
  if (x < 0.5) return logGamma(x + 1) - Math.log(x);
  const shifted = x - 1;
  const base = shifted + 7.5;
  const sum = coefficients.reduce(
    (total, coefficient, i) => (i === 0 ? coefficient : total + coefficient / (shifted + i)),
    0,
  );
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(sum);
}

/**
 * The regularised incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22),
 * evaluated by the modified Lentz method (Thompson and Barnett 1986), on the side where it
 * converges fast (x < (a + 1) / (a + b + 2)).
 */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x),
  );
  const tiny = 1e-300;
  const nonZero = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonZero(1 + even * d);
    c = nonZero(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonZero(1 + odd * d);
    c = nonZero(1 + odd / c);
    const change = d * c;
    fraction *= change;
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return (front * fraction) / a;
}

/** P(T > t) for t >= 0: half of I_{df / (df + t^2)}(df / 2, 1 / 2) (DLMF 8.17; Abramowitz 26.7.1). */
export function studentTail(t: number, degreesOfFreedom: number): number {
  const df = degreesOfFreedom;
  return incompleteBeta(df / (df + t * t), df / 2, 0.5) / 2;
}

/**
 * The t with P(T <= t) = `probability`, by bisection of the tail: slower than Hill's expansion
 * (Algorithm 396) but exact to the last bits for fractional degrees of freedom too.
 * NaN outside 0 < probability < 1 and degreesOfFreedom > 0.
 */
export function studentQuantile(probability: number, degreesOfFreedom: number): number {
  if (!(probability > 0 && probability < 1) || !(degreesOfFreedom > 0)) return Number.NaN;
  if (probability < 0.5) return -studentQuantile(1 - probability, degreesOfFreedom);
  const tail = 1 - probability;
  let low = 0;
  let high = 1;
  while (studentTail(high, degreesOfFreedom) > tail && high < 1e150) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-13 * high; i++) {
    const middle = (low + high) / 2;
    if (studentTail(middle, degreesOfFreedom) > tail) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
