import { createPayment } from '../../../samples/mock/createPayment.ts';

const api = new URLSearchParams(location.search).get('api') ?? '';

document.querySelector('button').addEventListener('click', async () => {
  const output = document.querySelector('output');
  output.textContent = await createPayment(19.99, api).catch(({ message }) => `Failed: ${message}`);
});
