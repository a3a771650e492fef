import { llmsText, markdownReference } from './markdownReference.ts';
import { referencePage } from './page.ts';
import { readReference } from './reference.ts';

/** The contract's texts as the page and as files. */
export interface Rendered {
  page: string;
  markdown: string;
  /** The text of llms.txt. `folder` leads to the files. */
  llms(folder: string): string;
}

interface RenderOptions {
  policy: string;
  apiKey: string;
  /** Absolute, or relative to the page. */
  serverUrl: string;
}

export function renderReference(contract: object, { policy, apiKey, serverUrl }: RenderOptions): Rendered {
  const reference = readReference(contract);
  // Without a script, a page does not know its own address.
  const baseUrl = URL.canParse(serverUrl) ? serverUrl : (reference.servers[0]?.url ?? '');
  const target = { baseUrl, apiKey };
  return {
    page: referencePage(reference, { ...target, policy, serverUrl }),
    markdown: markdownReference(reference, target),
    llms: (folder) => llmsText(reference, folder),
  };
}
