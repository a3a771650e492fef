import type { OperationId } from './handler.ts';

/** An operation of the OpenAPI document, as the rest of the service reads it. References are already replaced by what they refer to. */
export interface Operation {
  id: OperationId;
  /** Upper case. */
  method: string;
  /** As in the document: `/things/{id}`. */
  path: string;
  security: readonly Readonly<Record<string, readonly string[]>>[];
  parameters: readonly Parameter[];
  /** Undefined where the operation takes no body. */
  requestBody: RequestBody | undefined;
  /** By status. */
  responses: Readonly<Record<string, DocumentedResponse>>;
  /** The named examples of its responses, in the document's order. */
  examples: readonly NamedExample[];
}

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema?: Schema;
}

export interface RequestBody {
  required?: boolean;
  content: Readonly<Record<string, { schema?: Schema; examples?: Readonly<Record<string, { value: unknown }>> }>>;
  'x-body-limit-bytes'?: number;
}

export interface DocumentedResponse {
  description?: string;
  headers?: Readonly<Record<string, { required?: boolean; schema?: Schema }>>;
  content?: Readonly<Record<string, { schema?: Schema; examples?: Readonly<Record<string, ExampleObject>> }>>;
}

interface ExampleObject {
  summary?: string;
  value: object;
  'x-headers'?: Readonly<Record<string, string>>;
}

/** One response of an operation: the status, headers and body that stand in the document under this name. */
export interface NamedExample {
  name: string;
  status: number;
  summary: string;
  headers: Readonly<Record<string, string>>;
  body: object;
}

/** A schema, as far as our code reads it. `x-problems` names the 400 example for each keyword that can fail, or one for all of them. */
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

interface PathItem {
  [method: string]: unknown;
  parameters?: readonly Parameter[];
}

interface OperationObject {
  operationId: OperationId;
  security?: Operation['security'];
  parameters?: readonly Parameter[];
  requestBody?: RequestBody;
  responses?: Operation['responses'];
}

/** An OpenAPI document whose references are replaced. */
export interface Dereferenced {
  security?: Operation['security'];
  paths?: Readonly<Record<string, PathItem>>;
  components?: { securitySchemes?: Readonly<Record<string, SecurityScheme | undefined>> };
}

interface SecurityScheme {
  type: string;
  in?: string;
  name?: string;
}

const isMethod = (key: string) => ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'].includes(key);

/** The operations of a dereferenced document, in its order. The one reader of OpenAPI documents: everybody else takes what it returns. */
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
      headers: example['x-headers'] ?? {},
      body: example.value,
    })),
  );
}

/**
 * The document with what each reference (`$ref`) refers to in its place: the same object everywhere.
 *
 * Throws one Error that names every reference that leads nowhere, out of the document, or back to itself: a rule that
 * can't be read would not be checked.
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
    if (open.includes(reference)) issues.add(`$ref leads back to itself: ${reference}`);
    else if (!targets.has(reference)) {
      const target = reference.startsWith('#/') ? readPointer(document, reference) : undefined;
      if (target === undefined) issues.add(`$ref leads nowhere: ${reference}`);
      targets.set(reference, resolve(target, [...open, reference]));
    }
    return targets.get(reference);
  };

  const whole = resolve(document, []) as Document & Dereferenced;
  if (issues.size > 0) throw new Error([...issues].join('\n- '));
  return whole;
}

/** RFC 6901: `#/paths/~1things/get` → its node. */
function readPointer(document: object, pointer: string): unknown {
  return pointer
    .slice(2)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((node, key) => (node as Record<string, unknown> | null | undefined)?.[key], document);
}
