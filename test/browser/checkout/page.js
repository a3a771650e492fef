const form = document.querySelector('form');
const button = form.querySelector('button');
const message = document.querySelector('#message');
const { publishableKey } = document.body.dataset;

/** Stripe.js is loaded from Stripe and nowhere else: https://docs.stripe.com/js/including. */
function loadStripe() {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = 'https://js.stripe.com/endive/stripe.js';
    script.addEventListener('load', () => resolve(globalThis.Stripe(publishableKey)));
    script.addEventListener('error', () => reject(new Error('Stripe.js could not be loaded.')));
    document.head.append(script);
  });
}

/** Calls our own server, which calls the payments API. A retry after a failure returns the same payment. */
async function clientSecret() {
  const response = await fetch('intent', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ orderId: 'order-1047' }),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.message);
  return body.clientSecret;
}

let pay;

async function prepare() {
  const secret = await clientSecret();
  if (!publishableKey) {
    // Not the secret itself: anyone with it can complete the payment.
    message.textContent = `The payment ${secret.split('_secret_')[0]} is prepared. There is no publishable key, so Stripe Elements is not loaded: set STRIPE_PUBLISHABLE_KEY.`;
    return;
  }
  const stripe = await loadStripe();
  const elements = stripe.elements({ clientSecret: secret });
  elements.create('payment').mount('#payment');
  pay = () => stripe.confirmPayment({ elements, confirmParams: { return_url: location.href } });
  message.textContent = '';
}

async function proceed() {
  button.disabled = true;
  message.textContent = 'One moment …';
  try {
    if (pay) {
      const { error } = await pay();
      message.textContent = error?.message ?? '';
    } else {
      await prepare();
    }
  } catch (error) {
    message.textContent = error.message;
  }
  button.disabled = false;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void proceed();
});
