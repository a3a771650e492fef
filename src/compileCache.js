/**
 * Loaded before a process (`node --import ./src/compileCache.js`): what Node compiles is kept for the next start, which then
 * takes a third less. The process can't load it itself, as its own files would be compiled by then.
 *
 * JavaScript, because what takes the types away from TypeScript is large, and is not loaded where all is compiled already.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// In a folder of our own: whoever can write there decides what runs here.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)));
