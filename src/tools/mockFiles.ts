/**
 * Part of `make generate`: what the mock needs where neither Prism nor openapi-backend runs. Writes
 *
 * - generated/responses.json: the response of each scenario, as Prism makes it
 * - generated/validators.ts: the validators of requests, as openapi-backend compiles them
 */
import { writeFileSync } from 'node:fs';
import type { Ajv } from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';
import { OpenAPIBackend, type Document } from 'openapi-backend';
import document from '../../generated/openapi.json' with { type: 'json' };
import { checks } from '../contract/checks.ts';
import { dereference, readOperations } from '../contract/document.ts';
import { validation } from '../contract/validation.ts';
import { prismResponses } from '../mock/prism.ts';

const definition = dereference(document);
const operations = readOperations(definition);
const write = (file: string, text: string) => writeFileSync(new URL(`../../generated/${file}`, import.meta.url), text);

write('responses.json', `${JSON.stringify(await prismResponses(document, operations), null, 2)}\n`);
write(
  'validators.ts',
  `// @ts-nocheck
/**
 * This file is made from openapi/openapi.yaml by \`make generate\`. Do not edit it.
 *
 * The validators of each operation's requests, compiled: they need neither Ajv nor the permission to evaluate code.
 */
import type { ValidateFunction } from 'ajv';
import { checks } from '../src/contract/checks.ts';

const countCharacters = (text) => [...text].length;

export const validators: Readonly<Record<string, readonly ValidateFunction[]>> = {
${(await compileValidators()).map(([id, codes]) => `  ${id}: [\n${codes.map((code) => `    ${code},\n`).join('')}  ],`).join('\n')}
};
`,
);

/** The source of each operation's validators. openapi-backend has an Ajv of its own for each of them. */
async function compileValidators(): Promise<[id: string, codes: string[]][]> {
  const instances: Ajv[] = [];
  const api = new OpenAPIBackend({
    definition: definition as object as Document,
    quick: true,
    ajvOpts: { ...validation.ajvOpts, code: { ...validation.ajvOpts.code, source: true } },
    customizeAjv(ajv) {
      instances.push(ajv);
      return validation.customizeAjv(ajv);
    },
  });
  await api.init();
  return operations.map(({ id }) => {
    const first = instances.length;
    const validators = api.validator.getRequestValidatorsForOperation(id);
    return [id, validators.map((validator, index) => inline(standalone.default(instances[first + index]!, validator)))];
  });
}

/** A CommonJS module as an expression. */
function inline(code: string): string {
  const text = code.replaceAll('require("ajv/dist/runtime/ucs2length").default', 'countCharacters');
  const missing = [...text.matchAll(/require\("([^"]+)"\)|= checks\.(\w+)/g)]
    .map(([, module, check]) => module ?? check!)
    .find((name) => !Object.hasOwn(checks, name));
  if (missing !== undefined) throw new Error(`A validator needs ${missing}, which src/contract/checks.ts lacks`);
  return `(() => { const module = {}; ${text}; return module.exports; })()`;
}
