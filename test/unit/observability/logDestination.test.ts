import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { countDroppedLines, LogDestination } from '../../../src/observability/logDestination.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';

/** A log that writes to a file, and the messages in it. */
function fileLog() {
  const folder = mkdtempSync(join(tmpdir(), 'log-'));
  const file = join(folder, 'log');
  const fd = openSync(file, 'a');
  onTestFinished(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  const lines = () =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line)
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
  return { log: pino({ base: null }, new LogDestination(fd)), lines };
}

it('keeps the order of lines, whatever their level and length', async () => {
  const { log, lines } = fileLog();
  const messages = Array.from({ length: 500 }, (_, index) => `${index} ${'ü'.repeat(index % 50)}`);
  for (const [index, message] of messages.entries()) log[index % 7 === 0 ? 'error' : 'info'](message);
  await vi.waitUntil(() => lines().length === messages.length);
  expect(lines()).toEqual(messages);
});

it.runIf(existsSync('/dev/full'))(
  'counts exactly the lines that can not be written, and exposes the count in the metrics',
  async () => {
    const before = countDroppedLines();
    const fd = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(fd));
    const log = pino({}, new LogDestination(fd));
    for (let line = 0; line < 1_000; line += 1) log.info('there is no room for it');
    await vi.waitUntil(() => countDroppedLines() === before + 1_000);
    expect(await createMetrics().text()).toContain(`\nlog_lines_dropped_total ${before + 1_000}\n`);
  },
);
