import { dereference, readOperations, type Operation } from '../contract/document.ts';

export interface DocumentedServer {
  /** Absolute, or relative to the document. */
  url: string;
  description: string;
}

interface DescribedDocument {
  info: { title: string; summary?: string; description?: string };
  servers?: readonly DocumentedServer[];
}

/**
 * The document of the API reference: the contract with one more server and a table of all responses.
 *
 * The server comes first, because the playground uses the first one by default. The table, before the change log, lists every
 * named example, because the reference shows only one example of each status at a time.
 */
export function referenceDocument(contract: object, server: DocumentedServer) {
  const document = contract as DescribedDocument;
  const [text, ...changeLog] = (document.info.description ?? '').split(/^(?=## Change log$)/m);
  const description = [
    `${text}\n\n## All responses by name\n\n${namedResponses(readOperations(dereference(document)))}\n\n`,
    ...changeLog,
  ].join('');
  return { ...document, info: { ...document.info, description }, servers: [server, ...(document.servers ?? [])] };
}

function namedResponses(operations: readonly Operation[]): string {
  const rows = operations.flatMap(({ examples }) =>
    examples.map(({ name, status, summary, body }) => {
      const { message, error } = body as { message?: string; error?: string };
      return `| ${status} | \`${name}\` | **${message ?? error}**<br>${summary} |`;
    }),
  );
  return ['| status | name | message, and when |', '|---|---|---|', ...new Set(rows)].join('\n');
}
