import { setupWorker } from 'msw/browser';
import { mswPaymentsMock } from '@carevalidate/payments-mock/msw';

const mock = mswPaymentsMock();
await setupWorker(...mock.handlers).start({ quiet: true });
window.mock = mock;
await import('./main.js');
document.documentElement.dataset.mocked = '';
