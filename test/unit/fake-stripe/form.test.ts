import { describe, expect, it } from 'vitest';
import { canonicalForm, decodeForm, readList } from '../../../src/fake-stripe/form.ts';

const FORM = 'application/x-www-form-urlencoded';
const decode = (text: string): ReturnType<typeof decodeForm> => decodeForm(FORM, Buffer.from(text));

describe('decodeForm', () => {
  it('reads brackets as nested objects, percent-encoded or not', () => {
    expect(decode('amount=1999&metadata[email]=a%40b.c&metadata%5Bphone%5D=%2B1+555&a[b][c]=d')).toEqual({
      amount: '1999',
      metadata: { email: 'a@b.c', phone: '+1 555' },
      a: { b: { c: 'd' } },
    });
  });

  it('reads lists in order, with and without indexes', () => {
    const form = decode('with[1]=b&with[0]=a&without[]=a&without[]=b');
    expect(readList(form['with'] ?? '')).toEqual(['a', 'b']);
    expect(readList(form['without'] ?? '')).toEqual(['a', 'b']);
  });

  it.each(['a[1]=x', 'a[0]=x&a[2]=y', 'a[b]=x', 'a[0]=x&a[b]=y'])('does not read %s as a list', (text) => {
    expect(readList(decode(text)['a']!)).toBeUndefined();
  });

  it('treats __proto__ and constructor as ordinary names', () => {
    const form = decode('__proto__[polluted]=yes&constructor=c&metadata[__proto__]=p');
    expect(Object.keys(form)).toEqual(['__proto__', 'constructor', 'metadata']);
    expect(Object.entries(form['metadata'] ?? {})).toEqual([['__proto__', 'p']]);
    expect({}).not.toHaveProperty('polluted');
  });

  it('keeps line breaks in a name', () => {
    expect(decode('metadata[a%0Ab]=1')).toEqual({ metadata: { 'a\nb': '1' } });
  });

  it('splits at the first equals sign, and keeps the last of two values', () => {
    expect(decode('a=1=2&b&c=1&c=2&&')).toEqual({ a: '1=2', b: '', c: '2' });
  });

  it('accepts media type parameters, and an empty body without a media type', () => {
    expect(decodeForm(`${FORM}; charset=utf-8`, Buffer.from('a=1'))).toEqual({ a: '1' });
    expect(decodeForm(undefined, Buffer.alloc(0))).toEqual({});
  });

  it.each([
    ['an invalid percent-encoding', 'a=%zz'],
    ['a percent-encoding that is not UTF-8', 'a=%ff'],
    ['a value that is also an object', 'a=1&a[b]=2'],
    ['an object that is also a value', 'a[b]=2&a=1'],
    ['unclosed brackets', 'a[b=1'],
    ['brackets inside brackets', 'metadata[a[b]]=1'],
    ['an empty name', '[a]=1'],
    ['5,000 levels of nesting', `a${'[b]'.repeat(5000)}=1`],
  ])('rejects %s', (_, text) => {
    expect(() => decode(text)).toThrow(/Invalid request/);
  });

  it('rejects bytes that are not UTF-8', () => {
    expect(() => decodeForm(FORM, Buffer.from([0x61, 0x3d, 0xff]))).toThrow(/Invalid request/);
  });

  it('rejects any other media type', () => {
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
