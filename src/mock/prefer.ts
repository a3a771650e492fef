import type { NamedExample } from '../contract/document.ts';

type Scenario = Pick<NamedExample, 'status' | 'name'>;

/** Chooses a scenario by status, example name, or both. */
interface Choice {
  code?: string | undefined;
  example?: string | undefined;
}

/** The first scenario that matches; undefined if none does. An empty choice matches all. */
export const chooseScenario = ({ code, example }: Choice, scenarios: readonly Scenario[]): Scenario | undefined =>
  scenarios.find(
    ({ status, name }) =>
      (code === undefined || code === String(status)) && (example === undefined || example === name),
  );

/** The error message for an unknown scenario. */
export function listChoices(scenarios: readonly Scenario[]): string {
  const known = scenarios.map(({ status, name }) => `code=${status}, example=${name}`).join('; ');
  return `Unknown scenario. Choose with the header Prefer one of: ${known}`;
}

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
