/** Express with openapi-backend, as the documentation of openapi-backend shows it. */
import express from 'express';
import { engine } from './engine.mjs';
import { port } from './job.mjs';

const handle = await engine();
const app = express();

app.use(express.json());
app.use(async ({ method, path, body, query, headers }, response) => {
  const [status, responseBody] = await handle({ method, path, body, query, headers });
  response.status(status).json(responseBody);
});

app.listen(port, '127.0.0.1');
