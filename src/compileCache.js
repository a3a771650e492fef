/**
 * Preloaded (`node --import ./src/compileCache.js`): caches compiled code, which makes the next start a third faster. An import
 * would be too late: the process' own files would be compiled by then.
 *
 * JavaScript, because Node's type stripping is large, and is not loaded if all code comes from the cache.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// In our own folder, because anyone who can write to it can run code here.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)));
