import { createLogger } from '@stoplight/prism-core';
import { createInstance, getHttpOperationsFromSpec, type IHttpConfig } from '@stoplight/prism-http';
import { ContractError, type Answer, type ContractFault, type Operation } from '../contract/contract.ts';

/** The answer of Prism to an operation, by the name of an example. */
export type PrismAnswers = (operation: Operation, example: string) => Answer;

/**
 * Asks Prism for every scenario of the contract, once: the examples are fixed, and so are its answers.
 *
 * Throws one ContractError that names every scenario that Prism can't answer or whose example breaks its own schema.
 */
export async function prismAnswers(document: object, operations: readonly Operation[]): Promise<PrismAnswers> {
  const resources = await getHttpOperationsFromSpec(document);
  // Requests were checked before they come here, by the very code that checks them in production.
  const config = {
    isProxy: false,
    checkSecurity: false,
    validateRequest: false,
    validateResponse: true,
    errors: false,
    upstreamProxy: undefined,
    mock: { dynamic: false },
  } satisfies IHttpConfig & { upstreamProxy: undefined };
  const prism = createInstance(config, { logger: createLogger('prism', { enabled: false }) });

  const answers = new Map<string, Answer>();
  const faults: ContractFault[] = [];
  for (const operation of operations) {
    for (const { status, example } of operation.scenarios) {
      const request = {
        method: operation.method.toLowerCase() as Lowercase<'POST'>,
        url: { path: operation.path },
        headers: {},
      };
      const mock = { ...config.mock, code: status, exampleKey: example };
      const result = await prism.request(request, resources, { ...config, mock })();
      const fault = (words: string, path: readonly (string | number)[] = []): ContractFault => ({
        text: `${operation.id} ${status} ${example}: ${words}`,
        path: [...placeOf(operation, status, example), ...path.map(String)],
      });
      if (result._tag === 'Left') {
        faults.push(fault(result.left.message));
        continue;
      }
      const { output, validations } = result.right;
      faults.push(
        ...validations.output.map(({ path = [], message }) => fault(`${path.join('.')} ${message}`, path.slice(1))),
      );
      const { headers } = operation.answer(example);
      answers.set(`${operation.id} ${example}`, { status: output.statusCode, headers, body: output.body as object });
    }
  }
  if (faults.length > 0) throw new ContractError("Prism can't answer from this contract", faults);
  return (operation, example) => answers.get(`${operation.id} ${example}`)!;
}

const placeOf = ({ path, method }: Operation, status: number, example: string): string[] => {
  const place = `paths ${path} ${method.toLowerCase()} responses ${status} content application/json examples`;
  return [...place.split(' '), example, 'value'];
};
