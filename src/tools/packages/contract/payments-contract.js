#!/usr/bin/env node
/** The contract tests as a command. Settings are NAME=value arguments, or environment variables named CONTRACT_NAME. */
import { readFileSync } from 'node:fs';

const { engines } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const needed = engines.node.replace('>=', '');
const isOld = process.versions.node.localeCompare(needed, 'en', { numeric: true }) < 0;

if (isOld) {
  console.error(`payments-contract needs Node ${needed} or later, and this is ${process.versions.node}.`);
  process.exitCode = 2;
} else {
  await import('./test/contract/cli.js');
}
