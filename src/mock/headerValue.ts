const MAX_CHARACTERS = 400;

/** Any text as the value of a header, or as one line of a terminal: visible ASCII, bounded, the rest as `\u00e9`. */
export function headerValue(text: string): string {
  const ascii = text.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return ascii.length > MAX_CHARACTERS ? `${ascii.slice(0, MAX_CHARACTERS)}...` : ascii.trim();
}
