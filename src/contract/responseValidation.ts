import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { FastifyBaseLogger } from 'fastify';
import type { DocumentedResponse, Operation } from './contract.ts';
import type { Metrics } from '../observability/metrics.ts';

/** An answer as it was sent. */
export interface SentAnswer {
  requestId: string;
  /** Undefined where the request belonged to none. */
  operation: string | undefined;
  status: number;
  /** By lower-case name. */
  headers: Readonly<Record<string, number | string | string[] | undefined>>;
  /** As JSON; undefined where there was none. */
  body: unknown;
}

export type CheckAnswer = (answer: SentAnswer) => void;

/**
 * Holds answers against the contract: status, media type, headers and body. One that the contract doesn't allow is logged and
 * counted, with the rules that it breaks and nothing of what it says.
 */
export function answerCheck(
  operations: readonly Pick<Operation, 'id' | 'responses'>[],
  { logger, metrics }: { logger: FastifyBaseLogger; metrics: Pick<Metrics, 'countViolation'> },
): CheckAnswer {
  // 2020-12, which the contract is written in, and not the draft by which the engine checks requests: an opinion of its own.
  // Formats only describe there: of one that it doesn't know, Ajv would write a warning past the log.
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  const rules = operations.map(({ id, responses }) => ({
    id,
    byStatus: new Map(Object.entries(responses).map(([status, response]) => [status, answerRules(ajv, response)])),
  }));

  return (answer) => {
    const { requestId, operation, status } = answer;
    // What belongs to no operation is answered as any of them would.
    const candidates = rules.filter(({ id }) => operation === undefined || id === operation);
    const findings = candidates.map(
      ({ byStatus }) => byStatus.get(`${status}`)?.(answer) ?? ['status: not documented'],
    );
    if (findings.some((violations) => violations.length === 0)) return;
    const violations = findings[0] ?? ['operation: not in the contract'];
    logger.error({ requestId, operation, status, violations }, VIOLATION);
    metrics.countViolation({ operation, status });
  };
}

/** How the log line is found. */
export const VIOLATION = 'an answer that the contract does not allow';

function answerRules(ajv: Ajv2020, { content, headers = {} }: DocumentedResponse): (answer: SentAnswer) => string[] {
  const validateBody = ajv.compile(content?.['application/json']?.schema ?? {});
  const headerRules = Object.entries(headers).map(([name, { required, schema }]) => {
    const validate = ajv.compile(schema);
    return (answer: SentAnswer): string[] => {
      const value = answer.headers[name.toLowerCase()];
      if (value === undefined) return required ? [`header ${name}: required`] : [];
      return broken(validate, readAs(schema['type'], String(value))).map((rule) => `header ${name}${rule}`);
    };
  });
  return (answer) => [
    ...(/^application\/json(;|$)/.test(String(answer.headers['content-type'])) ? [] : ['header Content-Type: no JSON']),
    ...headerRules.flatMap((violationsIn) => violationsIn(answer)),
    ...broken(validateBody, answer.body).map((rule) => `body${rule}`),
  ];
}

/** `/data: required`: where, and which rule. Never the value. */
function broken(validate: ValidateFunction, value: unknown): string[] {
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath}: ${keyword}`);
}

/** A header is text; where the contract says integer, its digits are read as one. */
function readAs(type: unknown, text: string): string | number {
  return type === 'integer' && /^\d+$/.test(text) ? Number(text) : text;
}
