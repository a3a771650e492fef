import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Who noticed a mutant; undefined where nobody did. */
export type Noticer = string | undefined;

/** A survivor that is as it should be, with the reason. */
export interface Explanation {
  mutants: RegExp;
  reason: string;
  /** Some of them are noticed all the same. */
  partly?: true;
}

/** Nobody noticed and nobody said why, or there is a reason that none is needed for: it would hide the next survivor. */
export function verdictOn(explanations: readonly Explanation[], name: string, noticer: Noticer): string {
  const explained = explanations.find(({ mutants }) => mutants.test(name));
  if (noticer && explained && !explained.partly) return `explained, and yet noticed by ${noticer}`;
  return noticer || explained ? 'as it should be' : 'noticed by nobody, and not explained';
}

const reasonFor = (explanations: readonly Explanation[], name: string): string | undefined =>
  explanations.find(({ mutants }) => mutants.test(name))?.reason;

/** Prints who noticed what, and keeps it under `reports/`. */
export function printTable(
  title: string,
  results: ReadonlyMap<string, Noticer>,
  explanations: readonly Explanation[],
): void {
  const rows = [...results].map(([mutant, noticer]) => {
    const reason = noticer ? undefined : reasonFor(explanations, mutant);
    return { mutant, noticer: noticer ?? (reason ? `nobody: ${reason}` : 'NOBODY') };
  });
  const width = Math.min(110, Math.max(...rows.map(({ mutant }) => mutant.length)));
  const lines = rows.map(({ mutant, noticer }) => `${mutant.padEnd(width)}  ${noticer}`);
  const totals = Object.entries(Object.groupBy(rows, ({ noticer }) => noticer)).map(
    ([noticer, some]) => `${String(some!.length).padStart(5)}  ${noticer}`,
  );
  const text = [`# ${title}`, ...lines, '', `# ${title}: ${rows.length} mutants, noticed by`, ...totals, ''].join('\n');
  console.log(text);
  const folder = fileURLToPath(new URL('../../reports/mutants/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${title.toLowerCase().replaceAll(/\W+/g, '-')}.txt`, text);
}
