import { createPayment } from '../../../samples/mock/createPayment.ts';

const api = new URLSearchParams(location.search).get('api') ?? '';
const output = document.querySelector('output');

document.querySelector('button').addEventListener('click', () => {
  createPayment(19.99, api).then(
    (secret) => (output.textContent = secret),
    ({ message }) => (output.textContent = `Failed: ${message}`),
  );
});
