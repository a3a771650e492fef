import type { Scenario } from '../contract/contract.ts';
import type { OperationId, Success } from '../contract/handler.ts';

/** A scenario, by its status, the name of its example, or both. */
interface Choice {
  code?: string | undefined;
  example?: string | undefined;
}

/**
 * Answers the first scenario that fits the choice: without one, the first of all. A scenario that there isn't is answered
 * with a 400 that lists those that there are.
 */
export function chooseScenario({ code, example }: Choice, scenarios: readonly Scenario[]): Success<OperationId> {
  const chosen = scenarios.find(
    (known) =>
      (code === undefined || code === String(known.status)) && (example === undefined || example === known.example),
  );
  if (chosen) return { example: chosen.example };
  const known = scenarios.map((scenario) => `code=${scenario.status}, example=${scenario.example}`).join('; ');
  return refuse(`Unknown scenario. Choose with the header Prefer one of: ${known}`);
}

/** A 400 with words of the mock's own. */
export const refuse = (message: string): Success<OperationId> => ({
  example: 'invalidRequest',
  fields: { message } as object,
});

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
