import type { Scenario } from '../contract.ts';
import type { OperationId, Success } from '../operations/handler.ts';

/**
 * Reads `Prefer: code=400, example=amountTooSmall` (RFC 7240; either alone is enough) as one of the scenarios.
 *
 * Without a preference of these, the first scenario answers. Other preferences are ignored, as the RFC asks. A scenario
 * that there isn't is answered with a 400 that lists those that there are.
 */
export function chooseScenario(prefer: string | undefined, scenarios: readonly Scenario[]): Success<OperationId> {
  const code = preference(prefer, 'code');
  const example = preference(prefer, 'example');
  const chosen = scenarios.find(
    (known) =>
      (code === undefined || code === String(known.status)) && (example === undefined || example === known.example),
  );
  if (chosen) return { example: chosen.example };
  const known = scenarios.map((scenario) => `code=${scenario.status}, example=${scenario.example}`).join('; ');
  const message = `Unknown scenario. Choose with the header Prefer one of: ${known}`;
  return { example: 'invalidRequest', fields: { message } as object };
}

function preference(prefer: string | undefined, name: string): string | undefined {
  for (const part of (prefer ?? '').split(/[,;]/)) {
    const [key, value = ''] = part.split('=', 2).map((text) => text.trim());
    if (key?.toLowerCase() === name) return value.replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}
