/** `make mock`: every answer of the contract for frontend teams, without Stripe. Follows each edit of openapi/. */
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { readMockConfig } from './config.ts';
import { curlLines } from './curl.ts';
import { startMock } from './mock/server.ts';

const CONTRACT = fileURLToPath(new URL('../openapi/openapi.yaml', import.meta.url));

try {
  const config = readMockConfig(process.env);
  const mock = await startMock(config, CONTRACT, pino({ level: config.logLevel }));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void mock.close().then(() => process.exit(0)));
  }
  console.log(`
Mock          ${mock.url}
${config.docs ? `API reference ${mock.url}/docs\n` : ''}API key       ${config.apiKey ?? 'any'}
Scenarios     -H 'Prefer: code=503' or -H 'Prefer: example=amountTooSmall' on a valid request

${curlLines(mock.document(), mock.url, config.apiKey ?? 'any_key')}
`);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
