/** `make docs`: writes the API reference as a static site into a folder: `node src/tools/docsSite.ts site`. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import document from '../../generated/openapi.json' with { type: 'json' };
import { docsFiles, localMock } from '../docs/files.ts';

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node src/tools/docsSite.ts FOLDER');
  process.exit(2);
}
const { page, assets, llms } = docsFiles({ document, ...localMock }, '../');
await rm(join(folder, 'docs'), { recursive: true, force: true });
await mkdir(join(folder, 'docs'), { recursive: true });
await writeFile(join(folder, 'index.html'), (await page()).body);
await writeFile(join(folder, 'llms.txt'), await llms('docs/'));
for (const [name, read] of assets) await writeFile(join(folder, 'docs', name), (await read()).body);
console.log(
  `${join(folder, 'index.html')}: serve the folder with any web server, such as python3 -m http.server -d ${folder}`,
);
