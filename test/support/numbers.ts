import { integer, Variables } from '../../src/env.ts';

/** Reads whole numbers of a command from environment variables. Prints all invalid ones and exits with 2. */
export function readNumbers<Name extends string>(
  limits: Readonly<Record<Name, readonly [fallback: number, min: number, max: number]>>,
): Record<Name, number> {
  const variables = new Variables(process.env);
  const numbers = Object.entries<readonly [number, number, number]>(limits).map(([name, [fallback, min, max]]) => [
    name,
    variables.read(name, String(fallback), integer(min, max)),
  ]);
  try {
    variables.finish();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
  return Object.fromEntries(numbers) as Record<Name, number>;
}
