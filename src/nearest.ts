/** `; did you mean amountTooSmall or amountTooLarge?`, or nothing if no name is near. */
export function didYouMean(text: string, names: readonly string[]): string {
  const near = findNearest(text, names);
  return near.length === 0 ? '' : `; did you mean ${new Intl.ListFormat('en', { type: 'disjunction' }).format(near)}?`;
}

/** The names with the fewest edits from a text, which must leave half of the name. */
function findNearest(text: string, names: readonly string[]): string[] {
  const distances = names.map((name) => editDistance(text.toLowerCase(), name.toLowerCase()));
  const least = Math.min(...distances);
  return names.filter((name, index) => distances[index] === least && least <= name.length / 2);
}

/** The number of characters to insert, delete or replace, and of neighbours to swap (optimal string alignment). */
export function editDistance(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1];
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      next[column] = Math.min(
        last[column]! + 1,
        next[column - 1]! + 1,
        last[column - 1]! + (isSame ? 0 : 1),
        row > 1 && column > 1 && isSwapped ? before[column - 2]! + 1 : Infinity,
      );
    }
    [before, last] = [last, next];
  }
  return last[other.length]!;
}
