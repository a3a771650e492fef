/** Bounds memory, as a development server may run for weeks. Stripe itself forgets keys after a day. */
export const MAX_REMEMBERED = 10_000;

/** Adds to a map and drops its oldest entry beyond the limit. */
export function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value);
  const [oldest] = map.size > MAX_REMEMBERED ? map.keys() : [];
  if (oldest !== undefined) map.delete(oldest);
}

/** Adds to a list and drops its oldest entry beyond the limit. */
export function append<Value>(list: Value[], value: Value): void {
  list.push(value);
  if (list.length > MAX_REMEMBERED) list.shift();
}
