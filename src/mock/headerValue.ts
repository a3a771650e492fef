const MAX_CHARACTERS = 400;

/** Makes any text safe for a header or a terminal line: escapes all but visible ASCII (`\u00e9`), and limits the length. */
export function headerValue(text: string): string {
  const ascii = text.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return ascii.length > MAX_CHARACTERS ? `${ascii.slice(0, MAX_CHARACTERS)}...` : ascii.trim();
}
