const response = await fetch('https://api.care360-next.carevalidate.com/api/v1/payments/setup', {
  method: 'POST',
  headers: {
    'cv-api-key': 'YOUR_SECRET_KEY_HERE',
    'Content-Type': 'application/json',
    'Idempotency-Key': crypto.randomUUID(),
  },
  body: JSON.stringify({ metadata: { email: 'testemail@example.com' } }),
});
const data = await response.json();
console.log(data);
