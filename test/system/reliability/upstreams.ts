/** What can stand where Stripe should be. */
import { generateKeyPairSync, sign } from 'node:crypto';
import {
  createServer as createHttpServer,
  request as open,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createServer as createTlsServer } from 'node:tls';
import type { FakeStripe } from '../../../src/fake-stripe/server.ts';

export interface Upstream {
  url: URL;
  close: () => Promise<void>;
}

/** Does something with a connection once a request is there, whose first bytes are `first`. */
export type Wire = (socket: Socket, first: Buffer) => void;

/** A way to Stripe with something else at its end, until it is mended. */
export async function wayTo(stripe: FakeStripe, wire: Wire): Promise<Upstream & { mend(): void }> {
  let answer = wire;
  const upstream = await listening(
    createServer((socket) => void socket.once('data', (first: Buffer) => answer(socket, first))),
  );
  return {
    ...upstream,
    mend() {
      answer = forwardTo(stripe);
    },
  };
}

export const forwardTo =
  ({ url }: FakeStripe): Wire =>
  (socket, first) => {
    const onward = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => socket.destroy());
    onward.write(first);
    socket.pipe(onward).pipe(socket);
  };

/** A way to Stripe on which each request of a connection but the first gets the answer to the one before. */
export async function lagging(stripe: FakeStripe): Promise<Upstream & { late(): number }> {
  const before = new WeakMap<Socket, string>();
  let late = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const own = await fetchResponse(stripe, request);
    late += Number(before.has(request.socket));
    response.setHeader('Content-Type', 'application/json').end(before.get(request.socket) ?? own);
    before.set(request.socket, own);
  };
  const server = createHttpServer((request, response) => void answer(request, response));
  return { ...(await listening(server)), late: () => late };
}

function fetchResponse(stripe: FakeStripe, request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const { method, headers, url } = request;
    const onward = open(stripe.url + url, { method, headers }, (response) => resolve(text(response)));
    request.pipe(onward.on('error', reject));
  });
}

/** Stripe behind a certificate that nobody has signed but itself. */
export async function impostor(stripe: FakeStripe): Promise<Upstream> {
  const server = createTlsServer(selfSigned('127.0.0.1'), (socket) => socket.once('data', forwardToBy(stripe, socket)));
  server.on('tlsClientError', () => {});
  return secure(await listening(server));
}

const forwardToBy = (stripe: FakeStripe, socket: Socket) => (first: Buffer) => forwardTo(stripe)(socket, first);

/** The same place, spoken to with TLS. */
export const secure = ({ url, close }: Upstream): Upstream => ({
  url: new URL(url.href.replace('http:', 'https:')),
  close,
});

async function listening(server: Server): Promise<Upstream> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A certificate of X.509, version 1 (RFC 5280, section 4.1), made here because Node can read but not write them. */
function selfSigned(commonName: string): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const algorithm = der(0x30, Buffer.from('06032b6570', 'hex'));
  const name = der(0x30, der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from(commonName)))));
  const validity = der(0x30, der(0x17, Buffer.from('250101000000Z')), der(0x17, Buffer.from('491231235959Z')));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const signed = der(0x30, der(0x02, Buffer.from([1])), algorithm, name, validity, name, spki);
  const signature = der(0x03, Buffer.from([0]), sign(null, signed, privateKey));
  const base64 = der(0x30, signed, algorithm, signature).toString('base64');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

/** One value of DER: its tag, its length, its contents. */
function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
