import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import document from '../../generated/openapi.json' with { type: 'json' };

const contract = parse(readFileSync(new URL('../../openapi/openapi.yaml', import.meta.url), 'utf8'));

it('generated/openapi.json says what openapi/openapi.yaml says (else: make generate)', () => {
  expect(document).toEqual(contract);
});

// The first name in x-problems wins, the first field answers, the first request example stands in the curl line.
it.each(['paths', 'schemas', 'responses', 'parameters'] as const)('in the same order: %s', (part) => {
  const partsOf = ({ paths, components }: typeof document) => JSON.stringify({ paths, ...components }[part]);
  expect(partsOf(document)).toBe(partsOf(contract));
});
