/** What a reference shows, made from the contract: nothing in it is written anywhere else. */
import { dereference } from '../contract/references.ts';

export interface DocumentedServer {
  /** Absolute, or relative to the document. */
  url: string;
  description: string;
}

interface DescribedDocument {
  info: { title: string; summary?: string; description?: string };
  servers?: readonly DocumentedServer[];
  paths: Record<string, Record<string, { responses?: Record<string, DescribedResponse> }>>;
}
interface DescribedResponse {
  content?: Record<string, { examples?: Record<string, NamedExample> }>;
}
interface NamedExample {
  summary?: string;
  value: { message?: string; error?: string };
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
    `${text}\n\n## Every answer by name\n\n${listNamedResponses(dereference(document))}\n\n`,
    ...changeLog,
  ].join('');
  return { ...document, info: { ...document.info, description }, servers: [server, ...(document.servers ?? [])] };
}

function listNamedResponses(document: DescribedDocument): string {
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const rows = operations.flatMap(({ responses = {} }) =>
    Object.entries(responses).flatMap(([status, response]) =>
      Object.entries(response.content?.['application/json']?.examples ?? {}).map(
        ([name, { summary = '', value }]) =>
          `| ${status} | \`${name}\` | **${value.message ?? value.error}**<br>${summary} |`,
      ),
    ),
  );
  return ['| status | name | message, and when |', '|---|---|---|', ...new Set(rows)].join('\n');
}
