/** What the samples test: code of a page that asks for a payment, three times under the same key while it gets a 503. */
export async function createPayment(amount: number, baseUrl = ''): Promise<string> {
  const idempotencyKey = crypto.randomUUID();
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(`${baseUrl}/api/v1/payments/intent`, {
      method: 'POST',
      headers: { 'cv-api-key': 'any', 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey },
      body: JSON.stringify({ amount }),
    });
    if (response.ok) {
      const { data } = (await response.json()) as { data: { paymentIntentSecret: string } };
      return data.paymentIntentSecret;
    }
    if (response.status !== 503 || attempt === 3) throw new Error(response.headers.get('X-Error-Code') ?? 'unknown');
  }
}
