/** `make mock`: every response of the contract for frontend teams, without Stripe. Reloads on each edit of openapi/. */
import { fileURLToPath } from 'node:url';
import { runMock } from './mock/command.ts';
import { startMock } from './mock/watch.ts';

const CONTRACT = fileURLToPath(new URL('../openapi/openapi.yaml', import.meta.url));

await runMock(process.argv.slice(2), process.env, (config, ...log) => startMock(config, CONTRACT, ...log));
