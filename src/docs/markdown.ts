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
      table(token) {
        // Wide tables scroll by themselves on narrow screens.
        const cells = (row: typeof token.header) =>
          row.map(({ tokens, header }) => {
            const content = this.parser.parseInline(tokens);
            return header ? `<th scope="col">${content}</th>` : `<td>${content}</td>`;
          });
        const rows = token.rows.map((row) => `<tr>${cells(row).join('')}</tr>`);
        return `<table><thead><tr>${cells(token.header).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
      },
    },
  });
  return {
    block: (text) => marked.parse(text) as string,
    inline: (text) => marked.parseInline(text) as string,
  };
}
