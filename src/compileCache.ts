/**
 * Loaded before a process (`node --import ./src/compileCache.ts`): what Node compiles is kept for the next start, which then
 * takes a third less. Not imported by the process itself, whose own files would be compiled by then.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// In a folder of our own: whoever can write there decides what runs here.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)));
