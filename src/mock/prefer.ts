import type { NamedExample } from '../contract/document.ts';

type Scenario = Pick<NamedExample, 'status' | 'name'>;

/** The first scenario with this status and name; undefined if there is none. */
export const findScenario = (
  { code, example }: { code?: string | undefined; example?: string | undefined },
  scenarios: readonly Scenario[],
): Scenario | undefined =>
  scenarios.find(
    ({ status, name }) =>
      (code === undefined || code === String(status)) && (example === undefined || example === name),
  );

/**
 * Reads one preference of `Prefer: code=400, example=amountTooSmall` (RFC 7240; either alone is enough). Other
 * preferences are ignored, as the RFC asks.
 */
export function readPreference(prefer: string | undefined, name: string): string | undefined {
  for (const part of (prefer ?? '').split(/[,;]/)) {
    const [key, value = ''] = part.split('=', 2).map((text) => text.trim());
    if (key?.toLowerCase() === name) return value.replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}
