import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { FastifyBaseLogger } from 'fastify';
import type { DocumentedResponse, Operation } from './document.ts';
import type { Metrics } from '../observability/metrics.ts';

/** A response as it was sent. */
export interface SentResponse {
  requestId: string;
  /** Undefined if the request was not routed to one. */
  operation: string | undefined;
  status: number;
  /** By lower-case name. */
  headers: Readonly<Record<string, number | string | string[] | undefined>>;
  /** The JSON value; undefined if there was no body. */
  body: unknown;
}

export type ValidateResponse = (response: SentResponse) => void;

/**
 * Validates responses against the contract: status, media type, headers and body. A violation is logged and counted, with the
 * broken rules and without the response's content.
 */
export function createResponseValidator(
  operations: readonly Pick<Operation, 'id' | 'responses'>[],
  { logger, metrics }: { logger: FastifyBaseLogger; metrics: Pick<Metrics, 'countViolation'> },
): ValidateResponse {
  // JSON Schema 2020-12, the dialect of the contract. Formats are annotations in it; for an unknown one, Ajv would print a
  // warning outside of the log.
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  const rules = operations.map(({ id, responses }) => ({
    id,
    byStatus: new Map(Object.entries(responses).map(([status, response]) => [status, compileRules(ajv, response)])),
  }));

  return (response) => {
    const { requestId, operation, status } = response;
    // A response without an operation may match any of them.
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

export const VIOLATION = 'response violates the contract';

function compileRules(ajv: Ajv2020, { content, headers = {} }: DocumentedResponse) {
  const validateBody = ajv.compile(content?.['application/json']?.schema ?? {});
  const headerRules = Object.entries(headers).map(([name, { required, schema }]) => {
    const validate = ajv.compile(schema ?? {});
    return (response: SentResponse): string[] => {
      const value = response.headers[name.toLowerCase()];
      if (value === undefined) return required ? [`header ${name}: required`] : [];
      return findViolations(validate, parseHeader(schema?.type, String(value))).map((rule) => `header ${name}${rule}`);
    };
  });
  return (response: SentResponse): string[] => [
    ...(/^application\/json(;|$)/.test(String(response.headers['content-type']))
      ? []
      : ['header Content-Type: not JSON']),
    ...headerRules.flatMap((violationsIn) => violationsIn(response)),
    ...findViolations(validateBody, response.body).map((rule) => `body${rule}`),
  ];
}

/** `/data: required`: the place and the rule, never the value. */
function findViolations(validate: ValidateFunction, value: unknown): string[] {
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath}: ${keyword}`);
}

/** Headers are text: converts digits where the contract says integer. */
function parseHeader(type: unknown, text: string): string | number {
  return type === 'integer' && /^\d+$/.test(text) ? Number(text) : text;
}
