import { readOperations, dereference, type Operation, type Parameter } from '../contract/document.ts';
import { documentHtml, escapeHtml } from './html.ts';
import type { DocumentedServer } from './reference.ts';

interface PlaygroundDocument {
  servers?: readonly DocumentedServer[];
  paths?: Readonly<Record<string, Readonly<Record<string, { parameters?: readonly object[] }>>>>;
}

/**
 * The document of the playground: the contract with one more server, and with parameters that only that server knows.
 *
 * The server comes first, because the playground uses the first one by default.
 */
export function playgroundDocument(
  contract: object,
  server: DocumentedServer,
  parametersOf: (operation: Operation) => readonly Parameter[] = () => [],
): object & { servers: readonly DocumentedServer[] } {
  const { servers = [], paths = {}, ...document } = contract as PlaygroundDocument;
  const extended: Record<string, Record<string, object>> = structuredClone(paths);
  for (const operation of readOperations(dereference(contract))) {
    const described = extended[operation.path]![operation.method.toLowerCase()] as { parameters?: readonly object[] };
    described.parameters = [...(described.parameters ?? []), ...parametersOf(operation)];
  }
  return Object.assign(document, { servers: [server, ...servers], paths: extended });
}

/** The page of the playground. `referenceUrl` leads back to the reference. */
export const playgroundPage = (values: {
  title: string;
  policy: string;
  apiKey: string;
  scalar: string;
  referenceUrl: string;
}): string =>
  documentHtml({
    title: `Playground - ${values.title}`,
    policy: values.policy,
    head: `
<meta name="robots" content="noindex">
<link rel="icon" type="image/svg+xml" href="icon.svg">
<link rel="stylesheet" href="playground.css">
<script src="${escapeHtml(values.scalar)}" defer></script>
<script src="playground.js" defer></script>`,
    body: `
<main id="playground" data-api-key="${escapeHtml(values.apiKey)}">
<p class="loading">Loading the playground … <a id="back" href="${escapeHtml(values.referenceUrl)}">Back to the reference</a></p>
<noscript><p>The playground needs JavaScript.</p></noscript>
</main>`,
  });
