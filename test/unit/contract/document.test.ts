import { describe, expect, it } from 'vitest';
import { dereference } from '../../../src/contract/document.ts';

describe('dereference', () => {
  it('resolves references, through other references and escapes', () => {
    const document = {
      used: [{ $ref: '#/one' }, { $ref: '#/paths/~1a~0b{id}/get' }],
      one: { $ref: '#/two' },
      two: { deep: { $ref: '#/three' } },
      three: 3,
      paths: { '/a~b{id}': { get: 'got' } },
    };
    expect(dereference(document)).toMatchObject({ used: [{ deep: 3 }, 'got'], one: { deep: 3 } });
  });

  it('is one thing wherever it stands', () => {
    const [first, second] = dereference({ used: [{ $ref: '#/one' }, { $ref: '#/one' }], one: {} }).used;
    expect(first).toBe(second);
  });

  it('leaves the document as it was', () => {
    const document = { used: { $ref: '#/one' }, one: 1 };
    dereference(document);
    expect(document).toEqual({ used: { $ref: '#/one' }, one: 1 });
  });

  it('is no reference where a property is called so', () => {
    const document = { properties: { $ref: { type: 'string' } }, none: null };
    expect(dereference(document)).toEqual(document);
  });

  it.each<[string, object, string]>([
    ['leads nowhere', { used: { $ref: '#/none' } }, 'unresolved $ref: #/none'],
    ['leads through what is no object', { used: { $ref: '#/one/a' }, one: null }, 'unresolved $ref: #/one/a'],
    ['leads out of the document', { used: { $ref: 'other.yaml#/one' } }, 'unresolved $ref: other.yaml#/one'],
    ['leads back to itself', { one: { part: { $ref: '#/one' } } }, 'circular $ref: #/one'],
    ['leads back to itself by another', { one: { $ref: '#/two' }, two: { $ref: '#/one' } }, 'circular $ref: #/two'],
  ])('that %s is refused: a rule behind it would not be checked', (_how, document, words) => {
    expect(() => dereference(document)).toThrow(words);
  });

  it('is refused together with all others', () => {
    const document = { used: [{ $ref: '#/a' }, { $ref: '#/b' }, { $ref: '#/a' }] };
    expect(() => dereference(document)).toThrow(/^unresolved \$ref: #\/a\n- unresolved \$ref: #\/b$/);
  });
});
