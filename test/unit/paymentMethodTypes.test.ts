import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import document from '../../generated/openapi.json' with { type: 'json' };

const { PaymentMethodType, PaymentMethodTypes } = document.components.schemas;

/** The type of a payment method that an account made up itself: nobody can ask for it by this name. */
const NOT_OURS = 'custom';

/** `PaymentMethod.Type` of the SDK, which its types keep open: nothing but this test sees it grow. */
function readSdkTypes(): string[] {
  const path = '../../node_modules/stripe/esm/resources/PaymentMethods.d.ts';
  const declarations = readFileSync(new URL(path, import.meta.url), 'utf8');
  const [, namespace = ''] = /^export declare namespace PaymentMethod \{\n(.*?)^\}/ms.exec(declarations) ?? [];
  const [, union = ''] = /^ {4}type Type = (.*?);$/ms.exec(namespace) ?? [];
  return [...union.matchAll(/'(\w+)'/g)].map(([, type]) => type!);
}

it('the contract takes every payment method type that the SDK knows, and no other', () => {
  expect(PaymentMethodType.enum).toEqual(readSdkTypes().filter((type) => type !== NOT_OURS));
});

it('the contract takes all of them at once', () => {
  expect(PaymentMethodTypes.maxItems).toBe(PaymentMethodType.enum.length);
});
