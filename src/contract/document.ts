import type { OperationId } from './handler.ts';

/** An operation of a dereferenced OpenAPI document. */
export interface Operation {
  id: OperationId;
  /** Upper case. */
  method: string;
  /** `/things/{id}`. */
  path: string;
  summary: string;
  /** Markdown. */
  description: string;
  security: readonly Readonly<Record<string, readonly string[]>>[];
  parameters: readonly Parameter[];
  requestBody: RequestBody | undefined;
  /** By status. */
  responses: Readonly<Record<string, DocumentedResponse>>;
  /** The named examples of all its responses, in the document's order. */
  examples: readonly NamedExample[];
}

export interface Parameter {
  name: string;
  in: string;
  description?: string;
  required?: boolean;
  schema?: Schema;
}

export interface RequestBody {
  description?: string;
  required?: boolean;
  content: Readonly<Record<string, { schema?: Schema; examples?: Readonly<Record<string, RequestExample>> }>>;
  'x-body-limit-bytes'?: number;
}

interface RequestExample {
  summary?: string;
  value: unknown;
}

export interface DocumentedResponse {
  description?: string;
  headers?: Readonly<Record<string, ResponseHeader>>;
  content?: Readonly<Record<string, { schema?: Schema; examples?: Readonly<Record<string, ResponseExample>> }>>;
}

export interface ResponseHeader {
  description?: string;
  required?: boolean;
  schema?: Schema;
  example?: unknown;
}

interface ResponseExample {
  summary?: string;
  value: object;
  'x-headers'?: Readonly<Record<string, string>>;
}

/** A named example of a response. */
export interface NamedExample {
  name: string;
  status: number;
  summary: string;
  headers: Readonly<Record<string, string>>;
  body: object;
}

/** The parts of a schema that our code reads. `x-problems` names the 400 example for each keyword that can fail, or one for all. */
export interface Schema {
  [keyword: string]: unknown;
  type?: string | readonly string[];
  format?: string;
  pattern?: string;
  maxItems?: number;
  maxProperties?: number;
  properties?: Readonly<Record<string, Schema | boolean>>;
  items?: Schema | boolean;
  allOf?: readonly Schema[];
  propertyNames?: Schema | boolean;
  additionalProperties?: Schema | boolean;
  'x-problems'?: string | Readonly<Record<string, string>>;
}

interface OperationObject {
  operationId: OperationId;
  summary?: string;
  description?: string;
  security?: Operation['security'];
  parameters?: readonly Parameter[];
  requestBody?: RequestBody;
  responses?: Operation['responses'];
}

/** An OpenAPI document without `$ref`. */
export interface Dereferenced {
  security?: Operation['security'];
  paths?: Readonly<Record<string, { [method: string]: unknown; parameters?: readonly Parameter[] }>>;
  components?: {
    securitySchemes?: Readonly<
      Record<string, { type: string; in?: string; name?: string; description?: string } | undefined>
    >;
  };
}

const isMethod = (key: string) => ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'].includes(key);

/** The operations of a dereferenced document, in its order. All other code reads the document through them. */
export function readOperations({ paths = {}, security = [] }: Dereferenced): Operation[] {
  return Object.entries(paths).flatMap(([path, pathItem]) =>
    Object.keys(pathItem)
      .filter(isMethod)
      .map((method): Operation => {
        const operation = pathItem[method] as OperationObject;
        const responses = operation.responses ?? {};
        return {
          id: operation.operationId,
          method: method.toUpperCase(),
          path,
          summary: operation.summary ?? '',
          description: operation.description ?? '',
          security: operation.security ?? security,
          parameters: [...(operation.parameters ?? []), ...(pathItem.parameters ?? [])],
          requestBody: operation.requestBody,
          responses,
          examples: readExamples(responses),
        };
      }),
  );
}

function readExamples(responses: Operation['responses']): NamedExample[] {
  return Object.entries(responses).flatMap(([status, { content }]) =>
    Object.entries(content?.['application/json']?.examples ?? {}).map(([name, example]) => ({
      name,
      status: Number(status),
      summary: example.summary ?? '',
      headers: { ...(isError(status) && { 'X-Error-Code': name }), ...example['x-headers'] },
      body: example.value,
    })),
  );
}

const isError = (status: string): boolean => !status.startsWith('2');

/**
 * The document with each `$ref` replaced by its target, which all its references share.
 *
 * Throws one Error that names every `$ref` that is unresolved, external or circular: a rule behind it would not be checked.
 */
export function dereference<Document extends object>(document: Document): Document & Dereferenced {
  const targets = new Map<string, unknown>();
  const issues = new Set<string>();

  const resolve = (node: unknown, open: readonly string[]): unknown => {
    if (Array.isArray(node)) return node.map((item) => resolve(item, open));
    if (typeof node !== 'object' || node === null) return node;
    const { $ref: reference } = node as { $ref?: unknown };
    if (typeof reference === 'string') return follow(reference, open);
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolve(value, open)]));
  };

  const follow = (reference: string, open: readonly string[]): unknown => {
    if (open.includes(reference)) issues.add(`circular $ref: ${reference}`);
    else if (!targets.has(reference)) {
      const target = reference.startsWith('#/') ? readPointer(document, reference) : undefined;
      if (target === undefined) issues.add(`unresolved $ref: ${reference}`);
      targets.set(reference, resolve(target, [...open, reference]));
    }
    return targets.get(reference);
  };

  const whole = resolve(document, []) as Document & Dereferenced;
  if (issues.size > 0) throw new Error([...issues].join('\n- '));
  return whole;
}

const readPointer = (document: object, pointer: string): unknown =>
  parsePointer(pointer).reduce<unknown>(
    (node, key) => (node as Record<string, unknown> | null | undefined)?.[key],
    document,
  );

/** The keys of a JSON pointer (RFC 6901): `#/paths/~1things/get` → `paths`, `/things`, `get`. */
export const parsePointer = (pointer: string): string[] =>
  pointer
    .slice('#/'.length)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
