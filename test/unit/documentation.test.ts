/** What the pages say of the code base, held against it. test/browser/readme.slow.ts runs their commands. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import type { RateLimits } from '../../src/access/rateLimits.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import type { Bulkhead } from '../../src/payments/bulkhead.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, ROOT), 'utf8');
/** Those of the packages stand in projects of others. */
const pages = globSync(['*.md', 'src/**/*.md', 'test/**/*.md'], {
  cwd: ROOT,
  exclude: ['**/node_modules', 'src/tools'],
});

/** The rows of the table below a heading, as its cells without backticks. */
const tableBelow = (page: string, heading: string): string[][] => {
  const [, section = ''] = read(page).split(`\n## ${heading}\n`);
  const [table = ''] = /^\|.*\n\|[ :|-]+\n(?:\|.*\n)+/m.exec(section) ?? [];
  const rows = table.trim().split('\n').slice(2);
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
};

/** As GitHub names a heading. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
const withoutCode = (text: string) => text.replaceAll(/^```.*?^```$/gms, '');
const anchorsIn = (page: string) =>
  [...withoutCode(read(page)).matchAll(/^#+ (.*)$/gm)].map(([, text]) => anchor(text!));

describe.each(pages)('%s', (page) => {
  it('links to what is there', () => {
    const links = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
    const dead = links.filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [path = '', heading] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      return !existsSync(new URL(target, ROOT)) || (heading !== undefined && !anchorsIn(target).includes(heading));
    });
    expect(dead).toEqual([]);
  });
});

// The changelog may name what is no longer there.
describe.each(pages.filter((page) => page !== 'CHANGELOG.md'))('%s', (page) => {
  it('names verbs of the Makefile and scripts of package.json', () => {
    const text = read(page);
    const verbs = [...text.matchAll(/(?:`|^)make ([a-z-]+)/gm)].map(([, verb]) => verb!);
    const scripts = [...text.matchAll(/npm run ([a-z-]+)/g)].map(([, script]) => script!);
    const targets = new Set([...read('Makefile').matchAll(/^([a-z -]+):/gm)].flatMap(([, names]) => names!.split(' ')));
    expect(verbs.filter((verb) => !targets.has(verb))).toEqual([]);
    expect(scripts.filter((script) => !Object.hasOwn(manifest.scripts, script))).toEqual([]);
  });
});

const foldersOf = (parent: string) =>
  readdirSync(new URL(parent, ROOT), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${name}/`);

it('the README shows every folder of src/, and no other', () => {
  const [, tree = ''] = /## Where things are\n\n```\n(.*?)```/s.exec(read('README.md')) ?? [];
  const shown = [...tree.matchAll(/^src\/([\w-]+\/) /gm)].map(([, folder]) => folder!);
  expect(shown.toSorted()).toEqual(foldersOf('src').toSorted());
});

it('test/README.md lists every folder of test/, and no other', () => {
  const listed = tableBelow('test/README.md', 'What lives where').map(([folder]) => folder!);
  expect(listed.toSorted()).toEqual(foldersOf('test').toSorted());
});

describe('src/OPERATIONS.md', () => {
  it('lists every setting with its default', () => {
    const documented = tableBelow('src/OPERATIONS.md', 'Settings').map(([name, value]) => `${name}=${value}`);
    const required = new Set(['API_KEYS', 'STRIPE_SECRET_KEY']);
    const settings = [...read('.env.example').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(
      ([, name, value]) => `${name}=${required.has(name!) ? 'required' : value || 'none'}`,
    );
    expect(documented).toEqual(settings);
  });

  it('lists every metric of ours', async () => {
    const metrics = createMetrics();
    metrics.watch({
      bulkhead: { inFlight: 0, queued: 0, rejected: 0 } as Bulkhead,
      limits: { shared: false } as RateLimits,
    });
    const names = [...(await metrics.text()).matchAll(/^# TYPE ((?!process_|nodejs_)\w+)/gm)].map(([, name]) => name!);
    const documented = tableBelow('src/OPERATIONS.md', 'Metrics and alerts').map(([name]) => name!);
    expect(documented.toSorted()).toEqual(names.toSorted());
  });
});
