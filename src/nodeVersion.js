/**
 * Loaded before all other code, and run before the server by `npm start`: says which Node is needed, where an older one would fail
 * with an unknown option or a SyntaxError.
 *
 * JavaScript that an older Node can run.
 */
import { readFileSync } from 'node:fs';

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const needed = engines.node.replace('>=', '');

if (process.versions.node.localeCompare(needed, 'en', { numeric: true }) < 0) {
  console.error(
    `This service needs Node ${needed} or later, and this is ${process.versions.node}. For development, npm ci --include=dev installs one.`,
  );
  process.exit(1);
}
