import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The check that detected a mutant; undefined if it survived. */
export type Detector = string | undefined;

/** Mutants that are expected to survive, with the reason. */
export interface Explanation {
  mutants: RegExp;
  reason: string;
  /** Some of them are detected nevertheless. */
  partly?: true;
}

/** Fails for an unexplained survivor, and for an explanation of a detected mutant, which would hide the next survivor. */
export function verdictOn(explanations: readonly Explanation[], name: string, detector: Detector): string {
  const explained = explanations.find(({ mutants }) => mutants.test(name));
  if (detector && explained && !explained.partly) return `explained as a survivor, but detected by ${detector}`;
  return detector || explained ? 'as it should be' : 'survived without an explanation';
}

const reasonFor = (explanations: readonly Explanation[], name: string): string | undefined =>
  explanations.find(({ mutants }) => mutants.test(name))?.reason;

/** Prints which check detected each mutant, and writes the table to `reports/`. */
export function printTable(
  title: string,
  results: ReadonlyMap<string, Detector>,
  explanations: readonly Explanation[],
): void {
  const rows = [...results].map(([mutant, detector]) => {
    const reason = detector ? undefined : reasonFor(explanations, mutant);
    return { mutant, detector: detector ?? (reason ? `survived: ${reason}` : 'SURVIVED') };
  });
  const width = Math.min(110, Math.max(...rows.map(({ mutant }) => mutant.length)));
  const lines = rows.map(({ mutant, detector }) => `${mutant.padEnd(width)}  ${detector}`);
  const totals = Object.entries(Object.groupBy(rows, ({ detector }) => detector)).map(
    ([detector, mutants]) => `${String(mutants!.length).padStart(5)}  ${detector}`,
  );
  const text = [`# ${title}`, ...lines, '', `# ${title}: ${rows.length} mutants, detected by`, ...totals, ''].join(
    '\n',
  );
  console.log(text);
  const folder = fileURLToPath(new URL('../../reports/mutants/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${title.toLowerCase().replaceAll(/\W+/g, '-')}.txt`, text);
}
