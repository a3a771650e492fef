import { demoStripe } from './demoStripe.js';

/** `intent` is `payment` or `setup`: the second saves a card, and is confirmed and read by other methods of Stripe.js. */
const { intent, order, publishableKey } = document.body.dataset;
const isSetup = intent === 'setup';
const main = document.querySelector('main');
const form = document.querySelector('#pay');

/** A customer who sees one of these must not be asked again. Other statuses mean that nothing was paid yet. */
const SETTLED = {
  succeeded: isSetup ? 'Your card is saved.' : 'Paid. Thank you for your order.',
  processing: isSetup
    ? 'Your card is being checked. We will tell you when that is done.'
    : 'Your payment is being processed. We will tell you when it has arrived.',
};

/** Shows a message, and what belongs to the state: `loading`, `ready` with the form, `busy`, `settled` or `failed`. */
function show(state, text) {
  main.dataset.state = state;
  form.querySelector('button').disabled = state !== 'ready';
  document.querySelector('#message').textContent = text;
}

/** Stripe.js is loaded from Stripe and nowhere else: https://docs.stripe.com/js/including. */
function loadStripe() {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = 'https://js.stripe.com/endive/stripe.js';
    script.addEventListener('load', () => resolve(globalThis.Stripe(publishableKey)));
    script.addEventListener('error', () => reject(new Error('The form could not be loaded, and nothing was charged.')));
    document.head.append(script);
  });
}

/** Asks our own server, which calls the payments API. For the same cart it responds with the same intent. */
async function createIntent() {
  const response = await fetch(`${intent}-intent`, { method: 'POST' });
  const { clientSecret, message } = await response.json();
  if (!response.ok) throw new Error(message);
  return clientSecret;
}

/** Reads the status of an intent at Stripe, and shows it if it is settled. */
async function showIfSettled(stripe, clientSecret) {
  const { paymentIntent, setupIntent, error } = isSetup
    ? await stripe.retrieveSetupIntent(clientSecret)
    : await stripe.retrievePaymentIntent(clientSecret);
  if (error) throw new Error(error.message);
  return showStatus((paymentIntent ?? setupIntent).status);
}

function showStatus(status) {
  if (SETTLED[status]) show('settled', SETTLED[status]);
  return status in SETTLED;
}

async function start() {
  const stripe = publishableKey ? await loadStripe() : demoStripe(order);
  const returned = new URLSearchParams(location.search).get(`${intent}_intent_client_secret`);
  if (returned && (await showIfSettled(stripe, returned))) return;

  // The form takes no secret from the address: a stranger's link could make the customer pay another order.
  const clientSecret = await createIntent();
  if (await showIfSettled(stripe, clientSecret)) return;
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
  const elements = stripe.elements({ clientSecret, appearance: { theme: isDark ? 'night' : 'stripe' } });
  const failure = isSetup ? 'Your card could not be saved.' : 'The payment failed, and you were not charged.';
  const element = elements.create('payment');
  element.on('ready', () => show('ready', returned ? `${failure} Please try again.` : ''));
  element.on('loaderror', ({ error }) => show('failed', error.message));
  show('busy', 'One moment …');
  element.mount('#element');

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    confirm(stripe, elements).catch((error) => show('ready', error.message));
  });
}

async function confirm(stripe, elements) {
  show('busy', 'One moment …');
  const options = { elements, confirmParams: { return_url: location.origin + location.pathname } };
  // Stripe.js leaves the page for return_url, unless there is an error that the customer can correct here.
  const { error } = isSetup ? await stripe.confirmSetup(options) : await stripe.confirmPayment(options);
  // Paid in another tab, for example.
  const { status } = error.payment_intent ?? error.setup_intent ?? {};
  if (!showStatus(status)) show('ready', error.message);
}

// A page that the browser kept from before the payment would still show the form.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload();
});

start().catch((error) => show('failed', error.message));
