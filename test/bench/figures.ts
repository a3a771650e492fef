/** What was seen, in order: the middle is what counts, the ends say how far to trust it. */
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
