import { isWholeCents } from '../payments/money.ts';

/** The checks behind the contract's own keyword and format. */
export const checks = { isWholeCents, unicode: (text: string): boolean => text.isWellFormed() };
