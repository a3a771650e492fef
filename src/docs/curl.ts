interface DescribedDocument {
  paths: Record<string, Record<string, DescribedOperation>>;
  components: { securitySchemes: { apiKey: { name: string } } };
}
interface DescribedOperation {
  requestBody?: { content: { 'application/json'?: { examples?: Record<string, { value: unknown }> } } };
}

/** A curl command for each operation of the contract, with its first request example: paste it, and it works. */
export function curlLines(document: object, baseUrl: string, apiKey: string): string {
  return Object.entries((document as DescribedDocument).paths)
    .flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => curlLine(document, path, method, baseUrl, apiKey)),
    )
    .join('\n\n');
}

/** The curl command for one operation. */
export function curlLine(document: object, path: string, method: string, baseUrl: string, apiKey: string): string {
  const { paths, components } = document as DescribedDocument;
  const [example] = Object.values(paths[path]![method]!.requestBody?.content['application/json']?.examples ?? {});
  return [
    `curl -X ${method.toUpperCase()} ${baseUrl}${path}`,
    `-H '${components.securitySchemes.apiKey.name}: ${apiKey}'`,
    ...(example ? [`-H 'Content-Type: application/json'`, `-d '${JSON.stringify(example.value)}'`] : []),
  ].join(' \\\n  ');
}
