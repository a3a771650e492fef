/** Part of `make check`: opens openapi/openapi.yaml as the mock does, and prints each issue with file, line and column. */
import { fileURLToPath } from 'node:url';
import { openContract } from '../contract/engine.ts';
import { readContractFile } from '../mock/contractFile.ts';

const CONTRACT = fileURLToPath(new URL('../../openapi/openapi.yaml', import.meta.url));

try {
  const file = await readContractFile(CONTRACT);
  try {
    const contract = await openContract(file.document, {
      notImplemented: async (_request, { examples }) => examples[0]!,
    });
    contract.compile();
  } catch (error) {
    throw file.locate(error);
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
