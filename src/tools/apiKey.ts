/** `make api-key TENANT=acme`: creates an API key for a tenant. Only its digest is configured. */
import { randomBytes } from 'node:crypto';
import { sha256 } from '../access/apiKeys.ts';

const tenant = process.env['TENANT'] ?? '';
if (!/^[A-Za-z0-9_.-]{1,64}$/.test(tenant)) {
  console.error('usage: make api-key TENANT=name (1 to 64 letters, digits, dots, dashes or underscores)');
  process.exit(2);
}
// 256 random bits.
const key = `cv_${randomBytes(32).toString('base64url')}`;
console.log(`API key of ${tenant}, shown only once:
  ${key}

Add this to API_KEYS; remove the tenant's old key once the new one is in use:
  ${tenant}:${sha256(key).toString('hex')}`);
