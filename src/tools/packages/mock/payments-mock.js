#!/usr/bin/env node
/** The mock as a command. Settings are NAME=value arguments, as for make, or environment variables. */
import { readFileSync } from 'node:fs';

const { engines } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const needed = engines.node.replace('>=', '');
const isOld = process.versions.node.localeCompare(needed, 'en', { numeric: true }) < 0;

const settings = process.argv.slice(2).map((argument) => /^([A-Z_]+)=(.*)$/.exec(argument));

if (isOld) {
  console.error(`payments-mock needs Node ${needed} or later, and this is ${process.versions.node}.`);
  process.exitCode = 1;
} else if (settings.includes(null)) {
  console.error(
    `usage: payments-mock [PORT=4010] [API_KEY=…] [LATENCY_MS=100-800] [ERROR_RATE=0.1] [DYNAMIC=1] [HOST=127.0.0.1]`,
  );
  process.exitCode = 2;
} else {
  for (const [, name, value] of settings) process.env[name] = value;
  await import('./src/mock.js');
}
