import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { FastifyBaseLogger } from 'fastify';
import type { DocumentedResponse, Operation } from './document.ts';
import type { Metrics } from '../observability/metrics.ts';

/** An answer as it was sent. */
export interface SentResponse {
  requestId: string;
  /** Undefined where the request belonged to none. */
  operation: string | undefined;
  status: number;
  /** By lower-case name. */
  headers: Readonly<Record<string, number | string | string[] | undefined>>;
  /** As JSON; undefined where there was none. */
  body: unknown;
}

export type ValidateResponse = (response: SentResponse) => void;

/**
 * Holds answers against the contract: status, media type, headers and body. One that the contract doesn't allow is logged and
 * counted, with the rules that it breaks and nothing of what it says.
 */
export function createResponseValidator(
  operations: readonly Pick<Operation, 'id' | 'responses'>[],
  { logger, metrics }: { logger: FastifyBaseLogger; metrics: Pick<Metrics, 'countViolation'> },
): ValidateResponse {
  // 2020-12, which the contract is written in, and not the draft by which the engine checks requests: an opinion of its own.
  // Formats only describe there: of one that it doesn't know, Ajv would write a warning past the log.
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  const rules = operations.map(({ id, responses }) => ({
    id,
    byStatus: new Map(Object.entries(responses).map(([status, response]) => [status, compileRules(ajv, response)])),
  }));

  return (response) => {
    const { requestId, operation, status } = response;
    // What belongs to no operation is answered as any of them would.
    const candidates = rules.filter(({ id }) => operation === undefined || id === operation);
    const findings = candidates.map(
      ({ byStatus }) => byStatus.get(`${status}`)?.(response) ?? ['status: not documented'],
    );
    if (findings.some((violations) => violations.length === 0)) return;
    const violations = findings[0] ?? ['operation: not in the contract'];
    logger.error({ requestId, operation, status, violations }, VIOLATION);
    metrics.countViolation({ operation, status });
  };
}

/** How the log line is found. */
export const VIOLATION = 'an answer that the contract does not allow';

function compileRules(
  ajv: Ajv2020,
  { content, headers = {} }: DocumentedResponse,
): (response: SentResponse) => string[] {
  const validateBody = ajv.compile(content?.['application/json']?.schema ?? {});
  const headerRules = Object.entries(headers).map(([name, { required, schema }]) => {
    const validate = ajv.compile(schema ?? {});
    return (response: SentResponse): string[] => {
      const value = response.headers[name.toLowerCase()];
      if (value === undefined) return required ? [`header ${name}: required`] : [];
      return findViolations(validate, parseHeader(schema?.type, String(value))).map((rule) => `header ${name}${rule}`);
    };
  });
  return (response) => [
    ...(/^application\/json(;|$)/.test(String(response.headers['content-type']))
      ? []
      : ['header Content-Type: no JSON']),
    ...headerRules.flatMap((violationsIn) => violationsIn(response)),
    ...findViolations(validateBody, response.body).map((rule) => `body${rule}`),
  ];
}

/** `/data: required`: where, and which rule. Never the value. */
function findViolations(validate: ValidateFunction, value: unknown): string[] {
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath}: ${keyword}`);
}

/** A header is text; where the contract says integer, its digits are read as one. */
function parseHeader(type: unknown, text: string): string | number {
  return type === 'integer' && /^\d+$/.test(text) ? Number(text) : text;
}
