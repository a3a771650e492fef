import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { byOasdiff, byRedocly, OASDIFF } from './compare.ts';
import { changeLogRow, compareContracts } from './diff.ts';

const contract = await readFile(fileURLToPath(new URL('../../openapi/openapi.yaml', import.meta.url)), 'utf8');

type Edit = readonly [text: string, instead: string];

/** The contract with one existing text replaced. */
function edited([text, instead]: Edit): string {
  expect(contract).toContain(text);
  return contract.replace(text, instead);
}

const MAJOR: Edit = ['  version: 1.1.0\n', '  version: 2.0.0\n'];
const withMajor = (text: string) => text.replace(...MAJOR);

const OPERATION = '      operationId: createPaymentIntent\n';
const TOP_SECURITY = 'security:\n  - apiKey: []\n';

const breaking: Record<string, Edit> = {
  'no security requirement at all': [TOP_SECURITY, ''],
  'a security requirement that needs no key': [TOP_SECURITY, `${TOP_SECURITY}  - {}\n`],
  'no security requirement for the operation': [OPERATION, `${OPERATION}      security: []\n`],
  'another header for the key': ['      name: cv-api-key\n', '      name: x-api-key\n'],
  'an error status removed': ["        '409':\n          $ref: '#/components/responses/Conflict'\n", ''],
  'a server error removed': ["        '503':\n          $ref: '#/components/responses/ServiceUnavailable'\n", ''],
  'another path': ['  /api/v1/payments/intent:\n', '  /api/v2/payments/intent:\n'],
  'another method': ['    post:\n', '    put:\n'],
  'a lower maximum': ['maximum: 999999.99\n', 'maximum: 9999.99\n'],
  'a higher minimum': ['          minimum: 0.5\n', '          minimum: 1\n'],
  'one more required field': ['      required: [amount]\n', '      required: [amount, metadata]\n'],
  'a field of another type': ['          type: number\n', '          type: string\n'],
  'a payment method type removed': ['        - klarna\n', ''],
  'fewer keys in the metadata': ['      maxProperties: 50\n', '      maxProperties: 20\n'],
  'shorter values in the metadata': ['      maxLength: 500\n', '      maxLength: 100\n'],
  'a header that becomes required': [
    '      required: false\n      description: |\n        Names',
    '      required: true\n      description: |\n        Names',
  ],
  'a response field that becomes optional': [
    'required: [status, success, message, data]',
    'required: [status, success, message]',
  ],
  'another media type': [
    "        content:\n          application/json:\n            schema:\n              $ref: '#/components/schemas/PaymentIntentRequest'",
    "        content:\n          application/xml:\n            schema:\n              $ref: '#/components/schemas/PaymentIntentRequest'",
  ],
};

const harmless: Record<string, Edit> = {
  'nothing at all': ['openapi: 3.1.0\n', 'openapi: 3.1.0\n'],
  'a different description': ['Array of supported payment method types.', 'The payment method types to offer.'],
  'a higher maximum': ['          maximum: 999999.99\n', '          maximum: 9999999.99\n'],
  'one more payment method type': ['        - klarna\n', '        - klarna\n        - klarna_later\n'],
  'one more optional field': [
    '        metadata:\n          $ref',
    '        note:\n          type: string\n          description: A note.\n        metadata:\n          $ref',
  ],
  'one more status': [
    "        '503':\n",
    "        '502':\n          $ref: '#/components/responses/ServiceUnavailable'\n        '503':\n",
  ],
  'one more example': [
    '              cardOnly:\n',
    '              halfADollar:\n                summary: The least\n                value: { amount: 0.5 }\n              cardOnly:\n',
  ],
};

describe('the compatibility check', () => {
  it.concurrent.each(Object.entries(breaking))('rejects %s', async (_what, edit) => {
    expect(await compareContracts(contract, edited(edit))).toMatchObject({ allowed: false });
  });

  it.concurrent.each(Object.entries(harmless))('accepts %s', async (_what, edit) => {
    expect(await compareContracts(contract, edited(edit))).toMatchObject({ allowed: true, breaking: [] });
  });

  it('accepts a breaking change with a new major version, and still lists it', async () => {
    const verdict = await compareContracts(contract, withMajor(edited(breaking['a lower maximum']!)));
    expect(verdict).toMatchObject({ allowed: true, baseVersion: '1.1.0', version: '2.0.0' });
    expect(verdict.breaking).not.toEqual([]);
  });

  it.each(['1.2.0', '0.9.0'])('does not treat %s as a new major version', async (version) => {
    const changed = edited(breaking['a lower maximum']!).replace('version: 1.1.0', `version: ${version}`);
    expect(await compareContracts(contract, changed)).toMatchObject({ allowed: false });
  });

  it('compares versions as numbers, not as text', async () => {
    const ninth = contract.replace('version: 1.1.0', 'version: 9.0.0');
    const tenth = edited(breaking['a lower maximum']!).replace('version: 1.1.0', 'version: 10.0.0');
    expect(await compareContracts(ninth, tenth)).toMatchObject({ allowed: true });
  });

  it('throws on a malformed version', async () => {
    await expect(compareContracts(contract, contract.replace('version: 1.1.0', 'version: next'))).rejects.toThrow(
      'info.version: expected a version such as 1.2.0, got "next"',
    );
  });
});

/** The breaking changes that one of the two tools reports on its own. */
async function breakingChangesFoundBy(compare: typeof byRedocly, edit: Edit): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'contract-diff-'));
  const files = [join(folder, 'base.yaml'), join(folder, 'revision.yaml')] as const;
  await Promise.all([writeFile(files[0], contract), writeFile(files[1], edited(edit))]);
  try {
    return (await compare(...files)).breaking;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const accessAndErrorChanges = Object.entries(breaking).filter(([what]) => /security|status/.test(what));

describe('a change of security requirements or error statuses is detected', () => {
  it.concurrent.each(accessAndErrorChanges)('by Redocly: %s', async (_what, edit) => {
    expect(await breakingChangesFoundBy(byRedocly, edit)).not.toEqual([]);
  });

  it.runIf(existsSync(OASDIFF)).concurrent.each(accessAndErrorChanges)('by oasdiff: %s', async (_what, edit) => {
    expect(await breakingChangesFoundBy(byOasdiff, edit)).not.toEqual([]);
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
