import { dereference, readOperations, type Operation } from '../contract/document.ts';

/** A runnable curl command for each operation, with its first request example. */
export function curlLines(document: object, baseUrl: string, apiKey: string): string {
  const definition = dereference(document);
  const header = definition.components?.securitySchemes?.['apiKey']?.name ?? '';
  return readOperations(definition)
    .map((operation) => curlLine(operation, baseUrl, `${header}: ${apiKey}`))
    .join('\n\n');
}

/** The curl command for one operation. `apiKeyLine` is the header with the key: `cv-api-key: any`. */
export function curlLine({ method, path, requestBody }: Operation, baseUrl: string, apiKeyLine: string): string {
  const [example] = Object.values(requestBody?.content['application/json']?.examples ?? {});
  return [
    `curl -X ${method} ${baseUrl}${path}`,
    `-H '${apiKeyLine}'`,
    ...(example ? [`-H 'Content-Type: application/json'`, `-d '${JSON.stringify(example.value)}'`] : []),
  ].join(' \\\n  ');
}
