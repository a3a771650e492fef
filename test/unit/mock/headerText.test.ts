import { describe, expect, it } from 'vitest';
import { headerText } from '../../../src/mock/headerText.ts';

describe('headerText', () => {
  it('leaves visible ASCII as it is', () => {
    expect(headerText('body/amount must be >= 0.5 ~!')).toBe('body/amount must be >= 0.5 ~!');
  });

  it('is one line of ASCII, whatever the text', () => {
    expect(headerText('a\r\nb\té €\u007f🔑')).toBe(String.raw`a\u000d\u000ab\u0009\u00e9 \u20ac\u007f\ud83d\udd11`);
  });

  it('has no space around it', () => {
    expect(headerText('  no space ')).toBe('no space');
  });

  it('has 400 characters, and three dots where it is cut', () => {
    expect(headerText('x'.repeat(400))).toBe('x'.repeat(400));
    expect(headerText('x'.repeat(401))).toBe(`${'x'.repeat(400)}...`);
    expect(headerText('é'.repeat(67))).toBe(`${String.raw`\u00e9`.repeat(67).slice(0, 400)}...`);
  });
});
