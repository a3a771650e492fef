import type { ErrorObject } from 'ajv';
import { Problem } from './problems.ts';
import type { Operation, Schema } from './document.ts';

/** The Problem of an invalid request: the body's before the parameters', in the order of the contract's fields. */
export function violationProblem(errors: readonly ErrorObject[], { parameters }: Operation): Problem {
  return Problem.named(selectProblem(errors, parameters), { detail: () => describeErrors(errors) });
}

/** The first invalid value decides; if it breaks several rules, the keyword that its `x-problems` lists first. */
function selectProblem(errors: readonly ErrorObject[], parameters: Operation['parameters']): string {
  const [first] = errors as [ErrorObject];
  // A missing parameter violates the schema that openapi-backend builds around the contract's.
  const schema: Schema = missingParameter(first, parameters)?.schema ?? first.parentSchema!;
  const problems = schema['x-problems']!;
  if (typeof problems === 'string') return problems;
  const isBroken = (keyword: string) =>
    errors.some(
      (error) =>
        error.keyword === keyword &&
        error.parentSchema === first.parentSchema &&
        error.instancePath === first.instancePath,
    );
  return problems[Object.keys(problems).find(isBroken)!]!;
}

function missingParameter({ keyword, instancePath, params }: ErrorObject, parameters: Operation['parameters']) {
  if (keyword !== 'required') return undefined;
  const [, place] = /^\/(path|query|header)$/.exec(instancePath) ?? [];
  const name = String(params['missingProperty']).toLowerCase();
  return parameters.find((parameter) => parameter.in === place && parameter.name.toLowerCase() === name);
}

/** `body/amount must be >= 0.5`: Ajv's messages for every violation. */
function describeErrors(errors: readonly ErrorObject[]): string {
  const messages = errors.map(({ instancePath, message }) => `${instancePath.slice(1)} ${message}`);
  return messages.join('; ').replaceAll('requestBody', 'body');
}
