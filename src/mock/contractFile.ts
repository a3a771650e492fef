import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit, type Document } from 'yaml';
import { ContractError, type ContractIssue } from '../contract/lint.ts';

/** The contract as it stands in a file, YAML or JSON. */
export interface ContractFile {
  document: object;
  /** An error about the document, with file, line and column of each fault. */
  locate(error: unknown): Error;
}

/** Reads the contract. Throws one Error that names, with file, line and column, all that is no YAML and every reference that leads nowhere. */
export async function readContractFile(file: string): Promise<ContractFile> {
  const lines = new LineCounter();
  const yaml = parseDocument(await readFile(file, 'utf8'), { lineCounter: lines, prettyErrors: false });
  const shown = relative(process.cwd(), file);
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${shown}:${line}:${col}`;
  };
  const issues = yaml.errors.map(({ pos, message }) => `${at(pos[0])} ${message}`);
  if (issues.length === 0 && !isMap(yaml.contents)) issues.push(`${at(0)} expected a document of OpenAPI`);
  if (issues.length === 0) {
    issues.push(...findDeadReferences(yaml).map(([offset, target]) => `${at(offset)} unresolved $ref: ${target}`));
  }
  if (issues.length > 0) throw new Error(`- ${issues.join('\n- ')}`);
  return {
    document: yaml.toJS() as object,
    locate(error) {
      if (!(error instanceof ContractError)) return new Error(`- ${shown}: ${(error as Error).message}`);
      const located = error.issues.map((issue) => `${at(findOffset(yaml, issue))} ${issue.text}`);
      return new Error(`- ${located.join('\n- ')}`);
    },
  };
}

/** Where the path leads, or as near to it as the document goes. */
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

/** Of a map the place of the key, which is where an editor should stand; of a list the place of the value. */
function findChild(node: unknown, key: string): [offset: number | undefined, child: unknown] {
  if (isMap(node)) {
    const pair = node.items.find((item) => String(item.key) === key);
    return [findStart(pair?.key), pair?.value];
  }
  const child = isSeq(node) ? node.items[Number(key)] : undefined;
  return [findStart(child), child];
}

const findStart = (node: unknown): number | undefined => (isNode(node) ? node.range![0] : undefined);

/** A document can refer to itself in a circle: so many steps, and no more. */
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

/** `#/components/schemas/Failure` → its node. */
const findTarget = (yaml: Document, target: string): unknown =>
  yaml.getIn(
    target
      .slice('#/'.length)
      .split('/')
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~')),
  );

function findDeadReferences(yaml: Document): [offset: number, target: string][] {
  const found: [number, string][] = [];
  visit(yaml, {
    Pair(_index, { key, value }) {
      if (!isScalar(key) || key.value !== '$ref' || !isScalar(value) || typeof value.value !== 'string') return;
      const isAlive = value.value.startsWith('#/') && findTarget(yaml, value.value) !== undefined;
      if (!isAlive) found.push([value.range![0], value.value]);
    },
  });
  return found;
}
