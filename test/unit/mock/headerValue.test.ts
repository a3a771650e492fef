import { describe, expect, it } from 'vitest';
import { headerValue } from '../../../src/mock/headerValue.ts';

describe('headerValue', () => {
  it('leaves visible ASCII as it is', () => {
    expect(headerValue('body/amount must be >= 0.5 ~!')).toBe('body/amount must be >= 0.5 ~!');
  });

  it('is one line of ASCII, whatever the text', () => {
    expect(headerValue('a\r\nb\té €\u007f🔑')).toBe(String.raw`a\u000d\u000ab\u0009\u00e9 \u20ac\u007f\ud83d\udd11`);
  });

  it('has no space around it', () => {
    expect(headerValue('  no space ')).toBe('no space');
  });

  it('has 400 characters, and three dots where it is cut', () => {
    expect(headerValue('x'.repeat(400))).toBe('x'.repeat(400));
    expect(headerValue('x'.repeat(401))).toBe(`${'x'.repeat(400)}...`);
    expect(headerValue('é'.repeat(67))).toBe(`${String.raw`\u00e9`.repeat(67).slice(0, 400)}...`);
  });
});
