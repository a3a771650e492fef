/** The median of the measured values, with the extremes as a measure of its reliability. */
export interface Spread {
  min: number;
  median: number;
  max: number;
}

export function measureSpread(values: readonly number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  return {
    min: sorted[0]!,
    median: (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2,
    max: sorted.at(-1)!,
  };
}
