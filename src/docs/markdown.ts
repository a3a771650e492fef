import { Marked } from 'marked';
import { escapeHtml } from './html.ts';

/** Renders Markdown as HTML. `anchors` has the fragment for each name, such as an error's, that becomes a link where it is code. */
export interface Markdown {
  block(text: string): string;
  inline(text: string): string;
}

export function markdownWith(anchors: ReadonlyMap<string, string>): Markdown {
  const marked = new Marked({
    async: false,
    renderer: {
      codespan({ text }) {
        const code = `<code>${escapeHtml(text)}</code>`;
        const anchor = anchors.get(text);
        return anchor === undefined ? code : `<a href="#${anchor}">${code}</a>`;
      },
      // HTML in a text is shown, not rendered.
      html: ({ text }) => escapeHtml(text),
    },
  });
  return {
    block: (text) => marked.parse(text) as string,
    inline: (text) => marked.parseInline(text) as string,
  };
}
