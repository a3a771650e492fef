/** What a reference shows, made from the contract: nothing in it is written anywhere else. */
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
 * The contract with one server more and a table more.
 *
 * The server comes first: a playground asks the first one until its reader chooses another. The table names every answer,
 * before the change log: of the examples of a status a reference shows only the first until somebody looks for the others.
 */
export function referenceDocument(contract: object, server: DocumentedServer) {
  const document = contract as DescribedDocument;
  const [text, ...changeLog] = (document.info.description ?? '').split(/^(?=## Change log$)/m);
  const description = [
    `${text}\n\n## Every answer by name\n\n${namedResponses(readOperations(dereference(document)))}\n\n`,
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
