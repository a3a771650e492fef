import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit, type Document } from 'yaml';
import { parsePointer } from '../contract/document.ts';
import { ContractError, type ContractIssue } from '../contract/lint.ts';

/** The contract from a YAML or JSON file. */
export interface ContractFile {
  document: object;
  /** The file as it is written. */
  text: string;
  /** Converts an error about the document to one with the file, line and column of each issue. */
  locate: (error: unknown) => Error;
}

/** Reads the contract. Throws one Error with file, line and column of every YAML error and every unresolved `$ref`. */
export async function readContractFile(file: string): Promise<ContractFile> {
  const lines = new LineCounter();
  const text = await readFile(file, 'utf8');
  const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const displayPath = relative(process.cwd(), file);
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${displayPath}:${line}:${col}`;
  };
  const issues = yaml.errors.map(({ pos, message }) => `${at(pos[0])} ${message}`);
  if (issues.length === 0 && !isMap(yaml.contents)) issues.push(`${at(0)} expected an OpenAPI document`);
  if (issues.length === 0) {
    issues.push(...findUnresolved(yaml).map(([offset, target]) => `${at(offset)} unresolved $ref: ${target}`));
  }
  if (issues.length > 0) throw new Error(`- ${issues.join('\n- ')}`);
  return {
    document: yaml.toJS() as object,
    text,
    locate(error) {
      if (!(error instanceof ContractError)) return new Error(`- ${displayPath}: ${(error as Error).message}`);
      const located = error.issues.map((issue) => `${at(findOffset(yaml, issue))} ${issue.text}`);
      return new Error(`- ${located.join('\n- ')}`);
    },
  };
}

/** The offset of the path, or of its nearest existing parent. */
function findOffset(yaml: Document, { path }: ContractIssue): number {
  let node: unknown = yaml.contents;
  let offset = 0;
  for (const key of path) {
    node = followReferences(yaml, node);
    const [place, child] = findChild(node, key);
    if (place === undefined) break;
    offset = place;
    node = child;
  }
  return offset;
}

/** In a map, the offset of the key; in a list, of the value. */
function findChild(node: unknown, key: string): [offset: number | undefined, child: unknown] {
  if (isMap(node)) {
    const pair = node.items.find((item) => String(item.key) === key);
    return [findStart(pair?.key), pair?.value];
  }
  const child = isSeq(node) ? node.items[Number(key)] : undefined;
  return [findStart(child), child];
}

const findStart = (node: unknown): number | undefined => (isNode(node) ? node.range![0] : undefined);

/** Ends circular references. */
const MAX_REFERENCES = 20;

function followReferences(yaml: Document, start: unknown): unknown {
  let node = start;
  for (let steps = 0; steps < MAX_REFERENCES; steps++) {
    if (isAlias(node)) node = node.resolve(yaml);
    const target = isMap(node) ? node.get('$ref') : undefined;
    if (typeof target !== 'string') return node;
    node = findTarget(yaml, target);
  }
  return node;
}

const findTarget = (yaml: Document, pointer: string): unknown => yaml.getIn(parsePointer(pointer));

function findUnresolved(yaml: Document): [offset: number, target: string][] {
  const found: [number, string][] = [];
  visit(yaml, {
    Pair(_index, { key, value }) {
      if (!isScalar(key) || key.value !== '$ref' || !isScalar(value) || typeof value.value !== 'string') return;
      const isResolved = value.value.startsWith('#/') && findTarget(yaml, value.value) !== undefined;
      if (!isResolved) found.push([value.range![0], value.value]);
    },
  });
  return found;
}
