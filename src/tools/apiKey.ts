/** `make api-key TENANT=acme`: a new key for a tenant. Only its digest is ever configured. */
import { randomBytes } from 'node:crypto';
import { sha256 } from '../access/apiKeys.ts';

const tenant = process.env['TENANT'] ?? '';
if (!/^[A-Za-z0-9_.-]{1,64}$/.test(tenant)) {
  console.error('usage: make api-key TENANT=name (1 to 64 letters, digits, dots, dashes or underscores)');
  process.exit(2);
}
// 256 random bits.
const key = `cv_${randomBytes(32).toString('base64url')}`;
console.log(`Key, for ${tenant} alone, shown only now:
  ${key}

Add to API_KEYS, beside the tenant's present key until the new one is in use:
  ${tenant}:${sha256(key).toString('hex')}`);
