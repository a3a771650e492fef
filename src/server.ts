/** The production process. Everything it needs stands in the environment: see .env.example. */
import { pino } from 'pino';
import { readConfig } from './config.ts';
import { stripeGateway } from './payments/stripe.ts';
import { serve, stopOnSignals } from './serve.ts';

try {
  const config = readConfig(process.env);
  const logger = pino({ level: config.logLevel });
  const server = await serve(config, stripeGateway({ secretKey: config.stripeSecretKey }), logger);
  stopOnSignals(server, logger);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
