import type Stripe from 'stripe';
import { Refusal } from './errors.ts';
import { readList, type Form, type FormValue } from './form.ts';
import { emptyParameter } from './parameters.ts';

type Type = Stripe.PaymentIntentCreateParams.AllowedPaymentMethodType;

/** The SDK's AllowedPaymentMethodType. The tests compare it with the SDK's own list. */
export const PAYMENT_METHOD_TYPES: readonly string[] = `
  acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit bancontact billie bizum blik
  boku_promptpay boleto capchase_pay card card_present cashapp check_scan click_to_pay crypto customer_balance
  demo_pay duitnow dummy_auth_push dummy_passthrough_card edenred eps fpx gcash getbalance gift_card giropay gopay
  grabpay id_bank_transfer ideal interac_present kakao_pay klarna knet konbini kr_card kr_market kriya link mb_way
  mobilepay momo mondu multibanco naver_pay netbanking ng_bank ng_bank_transfer ng_card ng_market ng_ussd
  ng_wallet nz_bank_account octopus oxxo p24 paper_check pay_by_bank payco paynow paypal paypay payto pix
  promptpay qris rechnung revolut_pay samsung_pay satispay scalapay sepa_debit sequra shop_pay shopeepay sofort
  south_korea_market stripe_balance sunbit swish tamara test_pay touch_n_go truemoney twint upi us_bank_account
  us_cash_voucher vipps wechat_pay wero zip
`
  .trim()
  .split(/\s+/);

/**
 * Types that this account accepts in US dollars. Stripe filters by amount, currency and account, of which only the currency is
 * modelled. Others (eps, pix, konbini, …) are dropped silently, as Stripe does.
 */
const USABLE_IN_USD: readonly string[] = `
  acss_debit affirm afterpay_clearpay alipay amazon_pay card card_present cashapp crypto klarna link us_bank_account
  wechat_pay
`
  .trim()
  .split(/\s+/);

/** Enabled in the account's dashboard: offered if the request names no types. */
const OFFERED_BY_DEFAULT = ['card', 'klarna', 'affirm', 'link', 'cashapp', 'us_bank_account'] satisfies Type[];

/**
 * Reads `allowed_payment_method_types`: the types `allowed` by the request, if any, and those that Stripe has `offered`.
 *
 * Throws Stripe's 400 for no list, an empty list, an unknown type, no usable type, or a mutually exclusive parameter.
 */
export function readMethodTypes(form: Form): { allowed?: string[]; offered: string[] } {
  rejectRetired(form);
  const value = form[ALLOWED];
  if (value === undefined) return { offered: OFFERED_BY_DEFAULT };
  rejectExclusive(form);
  if (value === '') throw emptyParameter(ALLOWED);
  const allowed = (readList(value) ?? refuse('Invalid array', ALLOWED)).map(readType);
  const offered = [...new Set(allowed)].filter((type) => USABLE_IN_USD.includes(type));
  if (offered.length === 0) throw noUsableTypes();
  return { allowed, offered };
}

const ALLOWED = 'allowed_payment_method_types';

function readType(value: FormValue, index: number): string {
  const param = `${ALLOWED}[${index}]`;
  if (value === '') throw emptyParameter(param);
  if (typeof value === 'string' && PAYMENT_METHOD_TYPES.includes(value)) return value;
  const choices = `${PAYMENT_METHOD_TYPES.slice(0, -1).join(', ')}, or ${PAYMENT_METHOD_TYPES.at(-1)}`;
  return refuse(`Invalid ${param}: must be one of ${choices}`, param);
}

/** https://docs.stripe.com/changelog/dahlia/2026-07-29/allowed-payment-method-types-parameter: mutually exclusive. */
function rejectExclusive(form: Form): void {
  const other = 'automatic_payment_methods';
  if (form[other] === undefined) return;
  const message = `You may only specify one of these parameters: ${ALLOWED}, ${other}.`;
  throw new Refusal(400, message, { code: 'parameters_exclusive', param: other });
}

/** https://docs.stripe.com/changelog/endive/2026-09-30/removes-the-payment-method-types-parameter-from-payment-intents-and-setup-intents */
export function rejectRetired(form: Form): void {
  const param = 'payment_method_types';
  if (form[param] === undefined) return;
  const message = `The ${param} parameter is no longer supported. Use ${ALLOWED} instead.`;
  throw new Refusal(400, message, { code: 'payment_method_types_no_longer_supported', param });
}

function noUsableTypes(): Refusal {
  const message =
    'No valid payment method types for this Payment Intent. Please ensure that you have activated payment methods ' +
    'compatible with your chosen currency in your dashboard (https://dashboard.stripe.com/settings/payment_methods).';
  return new Refusal(400, message, { param: ALLOWED });
}

function refuse(message: string, param: string): never {
  throw new Refusal(400, message, { param });
}
