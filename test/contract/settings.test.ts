import { describe, expect, it } from 'vitest';
import { readSettings } from './settings.ts';

const given = ['BASE_URL=https://host', 'API_KEY=key'];
const read = (...args: string[]) => readSettings([...given, ...args], {});

describe('the settings', () => {
  it('are read from the environment, as a script of npm has no other way', () => {
    const env = { BASE_URL: 'https://host', API_KEY: 'key', CREATE: '1', REPORT: 'folder' };
    const settings = {
      baseUrl: 'https://host',
      prefix: '',
      apiKey: 'key',
      headers: [],
      creates: true,
      folder: 'folder',
      proxies: {},
      stripeUrl: 'https://api.stripe.com',
    };
    expect(readSettings([], env)).toEqual(settings);
    expect(readSettings([], { ...env, CONTRACT_API_KEY: 'own' })).toEqual({ ...settings, apiKey: 'own' });
    expect(readSettings(['API_KEY=given'], { ...env, CONTRACT_API_KEY: 'own' }).apiKey).toBe('given');
  });

  it('may have a path below which the API is', () => {
    expect(read('BASE_URL=https://host/one/two/')).toMatchObject({
      baseUrl: 'https://host/one/two',
      prefix: '/one/two',
    });
  });

  it('have a user and a password as a header only', () => {
    const { baseUrl, headers } = read('BASE_URL=https://me:p%40ss@host/');
    expect(baseUrl).toBe('https://host');
    expect(headers).toEqual([['Authorization', `Basic ${Buffer.from('me:p@ss').toString('base64')}`]]);
  });

  it('have headers one per line, and one per argument', () => {
    const headers = [
      ['X-A', 'one: two'],
      ['X-B', '2'],
    ];
    expect(read('HEADER=X-A: one: two\nX-B:2\n').headers).toEqual(headers);
    expect(read('HEADER=X-A: one: two', 'HEADER=X-B: 2').headers).toEqual(headers);
  });

  it('have the keys of another tenant and of Stripe', () => {
    const keys = { secondApiKey: 'other', stripeKey: 'pk_test_1' };
    expect(read('API_KEY_2=other', 'STRIPE_KEY=pk_test_1')).toMatchObject(keys);
  });

  it('have the proxies as curl reads them, and none to this machine', () => {
    const env = { HTTPS_PROXY: 'http://large:1', https_proxy: 'small:2', NO_PROXY: 'x' };
    expect(readSettings(given, env).proxies).toEqual({ HTTPS_PROXY: 'http://small:2', NO_PROXY: 'x' });
    expect(readSettings([...given, 'BASE_URL=http://127.0.0.1:3'], env).proxies).toEqual({});
  });
});

function refusal(...args: string[]): string {
  try {
    read(...args);
  } catch (error) {
    return (error as Error).message.replace(/\n?usage: .*/, '');
  }
  return '';
}

describe('refused, all at once and without their values, are', () => {
  it.each([
    ['BASE_URL=https://host?password', /^BASE_URL: expected an address without a query/],
    ['BASE_URL=ftp://host', /^BASE_URL: /],
    ['API_KEY=päss', /^API_KEY: expected visible ASCII$/],
    ['API_KEY_2=päss', /^API_KEY_2: expected visible ASCII$/],
    ['API_KEY_2=key', /^API_KEY_2: expected the key of another tenant/],
    ['STRIPE_KEY=sk_live_password', /^STRIPE_KEY: expected a publishable or restricted key/],
    ['CREATE=yes', /^CREATE: expected one of 0, 1$/],
    ['HEADER=password', /^HEADER: expected Name: value/],
    ['HEADER=cv-api-key: password', /^HEADER: cv-api-key is sent by the tests themselves$/],
  ])('%s', (argument, expected) => {
    expect(refusal(argument)).toMatch(expected);
    expect(refusal(argument)).not.toMatch(/password|päss/);
  });

  it('several', () => {
    expect(refusal('CREATE=2', 'STRIPE_KEY=x').split('\n')).toHaveLength(2);
  });

  it('an unknown name', () => {
    expect(() => readSettings(['BASEURL=https://host'], {})).toThrow(/^usage: /);
  });

  it('a proxy that is no address', () => {
    expect(() => readSettings(given, { HTTPS_PROXY: 'ftp://me:password@proxy' })).toThrow(/^HTTPS_PROXY: expected/);
  });
});
