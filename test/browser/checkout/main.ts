/** Starts the checkout on the mock, or on the payments API that API_URL and API_KEY name. */
import { checkoutServer } from './server.ts';

const { PORT = '4020', API_URL = 'http://127.0.0.1:4010', API_KEY = 'any_key', STRIPE_PUBLISHABLE_KEY } = process.env;

checkoutServer({ apiUrl: API_URL, apiKey: API_KEY, publishableKey: STRIPE_PUBLISHABLE_KEY || undefined }).listen(
  Number(PORT),
  '127.0.0.1',
  () => {
    console.log(`
Checkout      http://127.0.0.1:${PORT}
Save a card   http://127.0.0.1:${PORT}/card
Payments API  ${API_URL}${process.env['API_URL'] ? '' : ' (make mock)'}
Stripe.js     ${STRIPE_PUBLISHABLE_KEY ? 'loaded from js.stripe.com' : 'not loaded, the form is a demo: STRIPE_PUBLISHABLE_KEY=pk_test_… loads it'}
`);
  },
);
