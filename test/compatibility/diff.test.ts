/** The gate as a whole. What the comparison of examples finds: examples.test.ts. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { document } from '../support/contractDocument.ts';
import { AMOUNT, BODY, edited, NOTE, POST, SCHEMAS, type Edit } from '../support/editedContract.ts';
import { byOasdiff, byRedocly, OASDIFF } from './compare.ts';
import { changeLogRow, compareContracts } from './diff.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const contract = edited();
const { schemas, responses } = document.components;
const operation = document.paths['/api/v1/payments/intent'].post;

const VERSION = ['info', 'version'];
const RESPONSES = [...POST, 'responses'];
const JSON_BODY = [...BODY, 'content'];
const TYPES = [...SCHEMAS, 'PaymentMethodType', 'enum'];
const TYPES_FIELD = [...SCHEMAS, 'PaymentIntentRequest', 'properties', 'paymentMethodTypes'];
const { amount } = schemas.PaymentIntentRequest.properties;
const CREATED = [...SCHEMAS, 'PaymentIntentCreated'];
const example = (response: string, name: string) => [
  'components',
  'responses',
  response,
  'content',
  'application/json',
  'examples',
  name,
];

const breaking: Record<string, readonly Edit[]> = {
  'no security requirement at all': [[['security'], undefined]],
  'a security requirement that needs no key': [[['security'], [...document.security, {}]]],
  'no security requirement for the operation': [[[...POST, 'security'], []]],
  'another header for the key': [[['components', 'securitySchemes', 'apiKey', 'name'], 'x-api-key']],
  'an error status removed': [[[...RESPONSES, '409'], undefined]],
  'a server error removed': [[[...RESPONSES, '503'], undefined]],
  'another path': [
    [['paths', '/api/v2/payments/intent'], { post: operation }],
    [['paths', '/api/v1/payments/intent'], undefined],
  ],
  'another method': [[['paths', '/api/v1/payments/intent'], { put: operation }]],
  'a lower maximum': [[[...AMOUNT, 'maximum'], 9999.99]],
  'a higher minimum': [[[...AMOUNT, 'minimum'], 1]],
  'one more required field': [
    [
      [...SCHEMAS, 'PaymentIntentRequest', 'required'],
      ['amount', 'metadata'],
    ],
  ],
  'a field of another type': [[[...AMOUNT, 'type'], 'string']],
  'a payment method type removed': [[TYPES, schemas.PaymentMethodType.enum.filter((type) => type !== 'klarna')]],
  'fewer keys in the metadata': [[[...SCHEMAS, 'Metadata', 'maxProperties'], 20]],
  'shorter values in the metadata': [[[...SCHEMAS, 'MetadataValue', 'maxLength'], 100]],
  'a header that becomes required': [[['components', 'parameters', 'IdempotencyKey', 'required'], true]],
  'a response field that becomes optional': [
    [
      [...CREATED, 'required'],
      ['status', 'success', 'message'],
    ],
  ],
  'another media type': [[JSON_BODY, { 'application/xml': operation.requestBody.content['application/json'] }]],
  'a text that is no longer fixed': [[[...CREATED, 'properties', 'message', 'enum'], undefined]],
  'another message': [[[...example('BadRequest', 'amountTooSmall'), 'value', 'message'], 'Amount is too small']],
  'another Retry-After': [[[...example('TooManyRequests', 'tooManyRequests'), 'x-headers', 'Retry-After'], '5']],
  'an example removed': [[example('BadRequest', 'amountTooSmall'), undefined]],
};

const harmless: Record<string, readonly Edit[]> = {
  'nothing at all': [],
  'another title': [[['info', 'title'], 'An API']],
  'a different description': [[[...AMOUNT, 'description'], 'The amount.']],
  'a higher maximum': [[[...AMOUNT, 'maximum'], 9_999_999.99]],
  'one more payment method type': [[TYPES, [...schemas.PaymentMethodType.enum, 'klarna_later']]],
  'one more optional field': [[NOTE, { type: 'string', description: 'A note.' }]],
  'one more status': [[[...RESPONSES, '502'], responses.ServiceUnavailable]],
  'one more operation': [[['paths', '/api/v1/notes'], { post: { ...operation, operationId: 'createNote' } }]],
  'one more header of a response': [
    [['components', 'responses', 'NotFound', 'headers', 'X-Note'], { required: true, schema: { type: 'string' } }],
  ],
  'one more example of a request': [
    [[...JSON_BODY, 'application/json', 'examples', 'least'], { summary: 'The least', value: { amount: 0.5 } }],
  ],
};

describe('the compatibility check', () => {
  it.concurrent.each(Object.entries(breaking))('rejects %s', async (_what, edits) => {
    expect(await compareContracts(contract, edited(...edits))).toMatchObject({ allowed: false, releasable: false });
  });

  it.concurrent.each(Object.entries(harmless))('accepts %s', async (_what, edits) => {
    expect(await compareContracts(contract, edited(...edits))).toMatchObject({ allowed: true, breaking: [] });
  });

  it('accepts a breaking change with a new major version, and still lists it', async () => {
    const verdict = await compareContracts(contract, edited(...breaking['a lower maximum']!, [VERSION, '99.0.0']));
    expect(verdict).toMatchObject({ allowed: true, releasable: true, version: '99.0.0' });
    expect(verdict.breaking).not.toEqual([]);
  });

  it.each(['1.10.0', '0.9.0'])('does not treat %s as a new major version', async (version) => {
    const revision = edited(...breaking['a lower maximum']!, [VERSION, version]);
    expect(await compareContracts(contract, revision)).toMatchObject({ allowed: false });
  });

  it('compares versions as numbers, not as text', async () => {
    const revision = edited(...breaking['a lower maximum']!, [VERSION, '10.0.0']);
    expect(await compareContracts(edited([VERSION, '9.0.0']), revision)).toMatchObject({ allowed: true });
  });

  it.each([
    ['nothing at all', '1.9.0', '1.9.0', true],
    ['nothing at all', '1.8.0', '1.9.0', false],
    ['one more optional field', '1.9.1', '1.10.0', false],
    ['one more optional field', '1.10.0', '1.10.0', true],
    ['one more optional field', '2.0.0', '1.10.0', true],
  ])('after the release of 1.9.0, %s in %s: %s or later is needed', async (what, version, nextVersion, releasable) => {
    const revision = edited(...harmless[what]!, [VERSION, version]);
    expect(await compareContracts(edited([VERSION, '1.9.0']), revision)).toMatchObject({ nextVersion, releasable });
  });

  it.each<[string, readonly Edit[]]>([
    [
      'in place instead of in allOf',
      [[TYPES_FIELD, { ...schemas.PaymentMethodTypes, 'x-problems': 'invalidPaymentMethodTypes' }]],
    ],
    [
      'as format: usd, as before version 1.2',
      [
        [[...AMOUNT, 'x-whole-cents'], undefined],
        [[...AMOUNT, 'format'], 'usd'],
        [
          [...AMOUNT, 'x-problems'],
          { ...amount['x-problems'], 'x-whole-cents': undefined, format: 'amountTooPrecise' },
        ],
      ],
    ],
  ])('sees no change where the same rule is written %s', async (_how, edits) => {
    expect(await compareContracts(edited(...edits), contract)).toMatchObject({ changes: [] });
  });

  it('throws on a malformed version', async () => {
    await expect(compareContracts(contract, edited([VERSION, 'next']))).rejects.toThrow(
      'info.version: expected a version such as 1.2.0, got "next"',
    );
  });
});

describe('a boolean of a response that loses its only value', () => {
  const SUCCESS = [...SCHEMAS, 'Failure', 'properties', 'success', 'enum'];
  const base = edited([SUCCESS, [false]]);

  it('is compatible where every example has the value, and is listed', async () => {
    const { breaking: breaks, accepted } = await compareContracts(base, edited([SUCCESS, undefined]));
    expect(breaks).toEqual([]);
    expect(accepted).toContainEqual(
      expect.stringMatching(/^POST \/api\/v1\/payments\/intent: `success: false` for the status `400`, `404`, `405`, /),
    );
  });

  it('breaks callers at the status where an example has another value', async () => {
    const value = [...example('Conflict', 'idempotencyKeyInUse'), 'value', 'success'];
    const { breaking: breaks } = await compareContracts(base, edited([SUCCESS, undefined], [value, true]));
    expect(breaks.filter((change) => change.endsWith('(redocly)'))).toContainEqual(
      expect.stringContaining('POST /api/v1/payments/intent status `409`: '),
    );
    expect(breaks.join()).not.toContain('`400`');
  });
});

/** What one of the two tools reports on its own. */
async function findingsOf(compare: typeof byRedocly, edits: readonly Edit[]) {
  const folder = await mkdtemp(join(tmpdir(), 'contract-diff-'));
  const files = [join(folder, 'base.json'), join(folder, 'revision.json')] as const;
  await Promise.all([
    writeFile(files[0], JSON.stringify(contract)),
    writeFile(files[1], JSON.stringify(edited(...edits))),
  ]);
  try {
    return await compare(...files);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const accessAndErrorChanges = Object.entries(breaking).filter(([what]) => /security|status|server error/.test(what));

describe('a change of security requirements or error statuses is detected', () => {
  it.concurrent.each(accessAndErrorChanges)('by Redocly: %s', async (_what, edits) => {
    expect((await findingsOf(byRedocly, edits)).breaking).not.toEqual([]);
  });

  it.runIf(existsSync(OASDIFF)).concurrent.each(accessAndErrorChanges)('by oasdiff: %s', async (_what, edits) => {
    expect((await findingsOf(byOasdiff, edits)).breaking).not.toEqual([]);
  });
});

describe('without oasdiff', () => {
  const additions = Object.entries(harmless).filter(([what]) => /higher|one more/.test(what) && !/example/.test(what));

  it.concurrent.each(additions)('%s is visible to callers', async (_what, edits) => {
    expect((await findingsOf(byRedocly, edits)).changes).not.toEqual([]);
  });

  it('a different description is not', async () => {
    expect((await findingsOf(byRedocly, harmless['a different description']!)).changes).toEqual([]);
  });
});

describe('make diff', () => {
  // In a folder of its own, which is not a git repository and has no oasdiff.
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'make-diff-'));
    await Promise.all(
      ['package.json', 'src/contract/document.ts', 'test/compatibility'].map((path) =>
        cp(join(ROOT, path), join(folder, path), { recursive: true }),
      ),
    );
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await mkdir(join(folder, 'openapi'));
    await writeFile(join(folder, 'openapi/released.yaml'), JSON.stringify(edited([VERSION, '1.9.0'])));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function diff(edits: readonly Edit[], env: Record<string, string> = {}) {
    await writeFile(join(folder, 'openapi/openapi.yaml'), JSON.stringify(edited([VERSION, '1.9.0'], ...edits)));
    return new Promise<{ code: number; output: string }>((resolve) => {
      const program = join(folder, 'test/compatibility/diff.ts');
      execFile(process.execPath, [program], { env: { ...process.env, BASE: '', ...env } }, (error, stdout, stderr) => {
        resolve({ code: Number(error?.code ?? 0), output: stdout + stderr });
      });
    });
  }

  it('compares with the released contract, and says what compared', async () => {
    const { code, output } = await diff([]);
    expect(output).toContain('Base: openapi/released.yaml, API 1.9.0. Here: openapi/openapi.yaml, API 1.9.0.\n');
    expect(output).toContain('Compared by named examples, redocly. Without oasdiff: ');
    expect(output).toMatch(/\nNo change is visible to callers\.\n$/);
    expect(code).toBe(0);
  });

  it('fails on a breaking change, and names it', async () => {
    const { code, output } = await diff(breaking['another message']!);
    expect(output).toContain(
      '\nBreaking:\n- POST /api/v1/payments/intent: `message` of 400 `amountTooSmall` changed from ' +
        '"Amount must be at least 0.50" to "Amount is too small" (named examples)\n',
    );
    expect(output).toContain('Refused: info.version is 1.9.0. A release with these changes is 2.0.0 or later.');
    expect(code).toBe(1);
  });

  it('fails on an addition to the released version', async () => {
    const { code, output } = await diff(harmless['one more optional field']!);
    expect(output).toContain('Refused: info.version is 1.9.0. A release with these changes is 1.10.0 or later.');
    expect(code).toBe(1);
  });

  it('accepts an addition with a new version, or compared with any other base', async () => {
    const versioned = await diff([...harmless['one more optional field']!, [VERSION, '1.10.0']]);
    expect(versioned.output).toMatch(/\nVisible to callers:\n- .*note.*\n[^]*\| 1\.10 \| [^]*\nCompatible\.\n$/);
    expect(versioned.code).toBe(0);
    await cp(join(folder, 'openapi/released.yaml'), join(folder, 'other.yaml'));
    expect(await diff(harmless['one more optional field']!, { BASE: 'other.yaml' })).toMatchObject({ code: 0 });
  });

  it('does not claim to have compared without a base', async () => {
    const { code, output } = await diff([], { BASE: 'nowhere' });
    expect(output).toBe(
      'Not compared: nowhere: expected the URL of a deployment, a file, or a git ref that has openapi/openapi.yaml\n',
    );
    expect(code).toBe(2);
  });
});

describe('the draft of the change log entry', () => {
  const date = new Date('2026-11-23T12:00:00Z');

  it('is a row of the change log table in the contract', () => {
    const row = changeLogRow({ version: '1.2.0', changes: ['the field `note` was added', 'It may be empty.'] }, date);
    expect(row).toBe('| 1.2 | 2026-11-23 | the field `note` was added. It may be empty. |');
  });

  it('lists each change once, and escapes table syntax', () => {
    const row = changeLogRow({ version: '2.0.0', changes: ['a | b', 'two\nlines', 'a | b'] }, date);
    expect(row).toBe('| 2.0 | 2026-11-23 | a \\| b. two lines. |');
  });
});
