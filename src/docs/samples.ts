import type { ReferenceOperation } from './reference.ts';

/** A request as a program, ready to copy and to run. */
export interface Sample {
  language: 'client' | 'curl' | 'javascript' | 'python';
  label: string;
  /** The name for a code block in Markdown. */
  fence: string;
  code: string;
}

export interface SampleTarget {
  /** Without a slash at the end: `http://127.0.0.1:4010`. */
  baseUrl: string;
  apiKey: string;
}

/** A request to the operation with this body, in each language, with an idempotency key of its own. */
export function requestSamples(operation: ReferenceOperation, body: unknown, target: SampleTarget): Sample[] {
  return [
    { language: 'client', label: 'Client', fence: 'js', code: clientSample(operation, body, target) },
    { language: 'curl', label: 'cURL', fence: 'sh', code: curlSample(operation, body, target) },
    { language: 'javascript', label: 'JavaScript', fence: 'js', code: fetchSample(operation, body, target) },
    { language: 'python', label: 'Python', fence: 'python', code: pythonSample(operation, body, target) },
  ];
}

/** The package of src/client/. Its methods are named like the operations. */
const clientSample = ({ id }: ReferenceOperation, body: unknown, { baseUrl, apiKey }: SampleTarget) =>
  `import { paymentsClient } from '@carevalidate/payments-client';

const payments = paymentsClient({
  baseUrl: '${baseUrl}',
  apiKey: '${apiKey}',
});
const result = await payments.${id}(${literal(body, JAVASCRIPT)}, {
  idempotencyKey: crypto.randomUUID(),
});
if (result.ok) console.log(result.data);
else console.log(result.problem.name, result.problem.body);`;

const curlSample = (operation: ReferenceOperation, body: unknown, target: SampleTarget) =>
  [
    `curl -X ${operation.method} '${target.baseUrl}${operation.path}'`,
    ...headersOf(operation, target).map(([name, value]) =>
      value === undefined ? `-H "${name}: ${SHELL_UUID}"` : `-H '${name}: ${value}'`,
    ),
    `-d '${literal(body, JSON_TEXT).replaceAll("'", String.raw`'\''`)}'`,
  ].join(' \\\n  ');

/** On Linux and on macOS. */
const SHELL_UUID = '$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)';

const fetchSample = (operation: ReferenceOperation, body: unknown, target: SampleTarget) =>
  `const response = await fetch('${target.baseUrl}${operation.path}', {
  method: '${operation.method}',
  headers: {
${headersOf(operation, target)
  .map(([name, value]) => `    '${name}': ${value === undefined ? 'crypto.randomUUID()' : `'${value}'`},`)
  .join('\n')}
  },
  body: JSON.stringify(${indent(literal(body, JAVASCRIPT))}),
});
console.log(response.status, await response.json());`;

const pythonSample = (operation: ReferenceOperation, body: unknown, target: SampleTarget) =>
  `import uuid

import requests

response = requests.${operation.method.toLowerCase()}(
    "${target.baseUrl}${operation.path}",
    headers={
${headersOf(operation, target)
  .filter(([name]) => name !== 'Content-Type')
  .map(([name, value]) => `        "${name}": ${value === undefined ? 'str(uuid.uuid4())' : `"${value}"`},`)
  .join('\n')}
    },
    json=${indent(literal(body, PYTHON), '    ')},
)
print(response.status_code, response.json())`;

/** The headers of a request. An undefined value is a new idempotency key, which each language makes in its own way. */
function headersOf({ requestHeaders }: ReferenceOperation, { apiKey }: SampleTarget): [string, string | undefined][] {
  const names = requestHeaders.map(({ name }) => name);
  return [
    ...names.slice(0, 1).map((name): [string, string] => [name, apiKey]),
    ['Content-Type', 'application/json'],
    ...names.filter((name) => name === 'Idempotency-Key').map((name): [string, undefined] => [name, undefined]),
  ];
}

const indent = (text: string, by = '  '): string => text.replaceAll('\n', `\n${by}`);

interface Notation {
  step: string;
  /** Inside the braces of an object on one line. */
  padding: string;
  /** After the last of several lines. */
  trailing: string;
  key(name: string): string;
  scalar(value: unknown): string;
}

const singleQuoted = (value: string) => (/['\\\n]/.test(value) ? JSON.stringify(value) : `'${value}'`);

const JAVASCRIPT: Notation = {
  step: '  ',
  padding: ' ',
  trailing: ',',
  key: (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : singleQuoted(name)),
  scalar: (value) => (typeof value === 'string' ? singleQuoted(value) : JSON.stringify(value)),
};

const JSON_TEXT: Notation = { step: '  ', padding: ' ', trailing: '', key: JSON.stringify, scalar: JSON.stringify };

const PYTHON_CONSTANTS = new Map<unknown, string>([
  [true, 'True'],
  [false, 'False'],
  [null, 'None'],
]);
const PYTHON: Notation = {
  step: '    ',
  padding: '',
  trailing: ',',
  key: JSON.stringify,
  scalar: (value) => PYTHON_CONSTANTS.get(value) ?? JSON.stringify(value),
};

/** Longer objects and arrays take a line for each member. */
const LINE_LENGTH = 48;

/** A JSON value in the notation of a language, with objects of objects on several lines. */
function literal(value: unknown, notation: Notation): string {
  if (typeof value !== 'object' || value === null) return notation.scalar(value);
  const members = Array.isArray(value)
    ? value.map((item) => literal(item, notation))
    : Object.entries(value).map(([name, item]) => `${notation.key(name)}: ${literal(item, notation)}`);
  const [open, close, padding] = Array.isArray(value) ? ['[', ']', ''] : ['{', '}', notation.padding];
  if (members.length === 0) return open + close;
  const line = `${open}${padding}${members.join(', ')}${padding}${close}`;
  const isNested = members.some((member) => member.includes('{'));
  if (line.length <= LINE_LENGTH && !isNested) return line;
  const lines = members.map((member) => `${notation.step}${indent(member, notation.step)}`);
  return `${open}\n${lines.join(',\n')}${notation.trailing}\n${close}`;
}

/** JSON with a line for each member. */
export const jsonText = (value: unknown): string => JSON.stringify(value, null, 2);
