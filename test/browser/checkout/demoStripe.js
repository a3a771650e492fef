/**
 * Stands in for Stripe.js without a publishable key: the same methods and a form for demonstration, in which one chooses the
 * outcome. Nothing is paid. Leave this file out of a real shop.
 *
 * Keeps the status of each order in the session storage, because the mock has the same client secret for every order.
 */
export function demoStripe(order) {
  const read = async (intent) => ({
    [`${intent}Intent`]: { status: sessionStorage.getItem(`${order} ${intent}`) ?? 'requires_payment_method' },
  });

  async function confirm(intent, { elements, confirmParams }) {
    const outcome = elements.readOutcome();
    if (outcome === 'declined') return { error: { message: 'Your card was declined.' } };
    const hasFailed = outcome === 'failed';
    sessionStorage.setItem(`${order} ${intent}`, hasFailed ? 'requires_payment_method' : outcome);
    const url = new URL(confirmParams.return_url);
    url.searchParams.set(`${intent}_intent`, elements.clientSecret.split('_secret_')[0]);
    url.searchParams.set(`${intent}_intent_client_secret`, elements.clientSecret);
    url.searchParams.set('redirect_status', hasFailed ? 'failed' : 'succeeded');
    location.assign(url);
    // Like Stripe.js: the page is left before there is a result.
    return new Promise(() => {});
  }

  return {
    elements: ({ clientSecret }) => ({
      clientSecret,
      readOutcome: () => document.querySelector('#outcome').value,
      create: () => {
        const listeners = {};
        return {
          on: (event, listener) => (listeners[event] = listener),
          mount(place) {
            document.querySelector(place).append(createForm());
            listeners.ready();
          },
        };
      },
    }),
    retrievePaymentIntent: () => read('payment'),
    retrieveSetupIntent: () => read('setup'),
    confirmPayment: (options) => confirm('payment', options),
    confirmSetup: (options) => confirm('setup', options),
  };
}

function createForm() {
  const form = document.createElement('fieldset');
  form.id = 'demo';
  form.innerHTML = `
    <legend>Demo form</legend>
    <label>Card number <input value="4242 4242 4242 4242" readonly></label>
    <label>Expiration date <input value="12 / 34" readonly></label>
    <label>Security code <input value="123" readonly></label>
    <label>Outcome
      <select id="outcome">
        <option value="succeeded">It succeeds</option>
        <option value="processing">It is being processed</option>
        <option value="declined">The card is declined</option>
        <option value="failed">It fails at the bank</option>
      </select>
    </label>
    <p>Nothing is paid, because there is no Stripe here. With STRIPE_PUBLISHABLE_KEY, Stripe Elements takes this place.</p>`;
  return form;
}
