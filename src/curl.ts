interface DescribedDocument {
  paths: Record<string, Record<string, DescribedOperation>>;
  components: { securitySchemes: { apiKey: { name: string } } };
}
interface DescribedOperation {
  requestBody?: { content: { 'application/json'?: { examples?: Record<string, { value: unknown }> } } };
}

/** A curl command for each operation of the contract, with its first request example: paste it, and it works. */
export function curlLines(document: object, baseUrl: string, apiKey: string): string {
  const { paths, components } = document as DescribedDocument;
  return Object.entries(paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { requestBody }]) => {
        const [example] = Object.values(requestBody?.content['application/json']?.examples ?? {});
        return [
          `curl -X ${method.toUpperCase()} ${baseUrl}${path}`,
          `-H '${components.securitySchemes.apiKey.name}: ${apiKey}'`,
          ...(example ? [`-H 'Content-Type: application/json'`, `-d '${JSON.stringify(example.value)}'`] : []),
        ].join(' \\\n  ');
      }),
    )
    .join('\n\n');
}
