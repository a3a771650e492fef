import { hash } from 'node:crypto';

/** Random choices that are reproducible by their seed. */
export interface Random {
  /** At least 0 and less than 1. */
  number(): number;
  between(from: number, to: number): number;
  integer(from: number, to: number): number;
  pick<Value>(values: readonly Value[]): Value;
  /** True with this probability, from 0 to 1. */
  chance(probability: number): boolean;
  shuffled<Value>(values: readonly Value[]): Value[];
}

/** A separate sequence for each seed and name, so that more choices in one part change nothing in the others. */
export function random(seed: number, name: string): Random {
  const number = mulberry32(seed ^ hash('md5', name, 'buffer').readInt32LE());
  const between = (from: number, to: number) => from + number() * (to - from);
  const integer = (from: number, to: number) => Math.floor(between(from, to + 1));
  return {
    number,
    between,
    integer,
    pick: (values) => values[integer(0, values.length - 1)]!,
    chance: (probability) => number() < probability,
    shuffled: (values) =>
      values
        .map((value) => ({ value, place: number() }))
        .sort((a, b) => a.place - b.place)
        .map(({ value }) => value),
  };
}

/** Tommy Ettinger's generator: 32 bits of state, and good enough for choices. */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
