import { describe, expect, it } from 'vitest';
import { canonicalForm, decodeForm, readList } from '../../../src/fake-stripe/form.ts';

const FORM = 'application/x-www-form-urlencoded';
const decode = (text: string): ReturnType<typeof decodeForm> => decodeForm(FORM, Buffer.from(text));

describe('decodeForm', () => {
  it('nests brackets, escaped or not', () => {
    expect(decode('amount=1999&metadata[email]=a%40b.c&metadata%5Bphone%5D=%2B1+555&a[b][c]=d')).toEqual({
      amount: '1999',
      metadata: { email: 'a@b.c', phone: '+1 555' },
      a: { b: { c: 'd' } },
    });
  });

  it('reads lists with and without indexes in their order', () => {
    const form = decode('with[1]=b&with[0]=a&without[]=a&without[]=b');
    expect(readList(form['with'] ?? '')).toEqual(['a', 'b']);
    expect(readList(form['without'] ?? '')).toEqual(['a', 'b']);
  });

  it.each(['a[1]=x', 'a[0]=x&a[2]=y', 'a[b]=x', 'a[0]=x&a[b]=y'])('calls %s no list', (text) => {
    expect(readList(decode(text)['a']!)).toBeUndefined();
  });

  it('takes __proto__ and constructor for names like any other', () => {
    const form = decode('__proto__[polluted]=yes&constructor=c&metadata[__proto__]=p');
    expect(Object.keys(form)).toEqual(['__proto__', 'constructor', 'metadata']);
    expect(Object.entries(form['metadata'] ?? {})).toEqual([['__proto__', 'p']]);
    expect({}).not.toHaveProperty('polluted');
  });

  it('keeps line ends inside a name, as any other character', () => {
    expect(decode('metadata[a%0Ab]=1')).toEqual({ metadata: { 'a\nb': '1' } });
  });

  it('keeps what follows the first equals sign, and the last of two', () => {
    expect(decode('a=1=2&b&c=1&c=2&&')).toEqual({ a: '1=2', b: '', c: '2' });
  });

  it('takes parameters of the media type, and no type at all for no body', () => {
    expect(decodeForm(`${FORM}; charset=utf-8`, Buffer.from('a=1'))).toEqual({ a: '1' });
    expect(decodeForm(undefined, Buffer.alloc(0))).toEqual({});
  });

  it.each([
    ['a bad escape', 'a=%zz'],
    ['an escape that is no UTF-8', 'a=%ff'],
    ['a value that is an object, too', 'a=1&a[b]=2'],
    ['an object that is a value, too', 'a[b]=2&a=1'],
    ['brackets that do not close', 'a[b=1'],
    ['brackets in brackets', 'metadata[a[b]]=1'],
    ['no name', '[a]=1'],
    ['endless nesting', `a${'[b]'.repeat(5000)}=1`],
  ])('refuses %s', (_, text) => {
    expect(() => decode(text)).toThrow(/Invalid request/);
  });

  it('refuses bytes that are no UTF-8', () => {
    expect(() => decodeForm(FORM, Buffer.from([0x61, 0x3d, 0xff]))).toThrow(/Invalid request/);
  });

  it('refuses another media type', () => {
    expect(() => decodeForm('application/json', Buffer.from('{"amount":1999}'))).toThrow(/check that your POST/);
  });
});

describe('canonicalForm', () => {
  it('is equal for the same parameters in another order', () => {
    expect(canonicalForm(decode('a=1&b[x]=2&b[y]=3'))).toBe(canonicalForm(decode('b[y]=3&b[x]=2&a=1')));
  });

  it('differs for the same items in another order', () => {
    expect(canonicalForm(decode('a[0]=x&a[1]=y'))).not.toBe(canonicalForm(decode('a[0]=y&a[1]=x')));
  });
});
