import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../support/freePort.ts';
import { selfSigned } from '../../support/selfSigned.ts';

export const hasNginx = spawnSync('nginx', ['-v']).status === 0;

/** The end of the name of a test that needs it. */
export const needsNginx = hasNginx ? '' : ' [SKIPPED: no nginx on PATH; apt-get install nginx-light]';

export interface Nginx {
  port: number;
  /** The file of its own certificate, which is its authority, too. */
  authorityFile: string;
  close: () => Promise<void>;
}

/** Starts nginx on 127.0.0.1 with TLS for `localhost` where `isSecure`. `locations` is the inside of its server block. */
export async function startNginx(locations: string, isSecure = false): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'nginx-'));
  const file = (name: string) => join(folder, name);
  // Started by root, nginx works as another user.
  await chmod(folder, 0o755);
  const port = await freePort();
  const { cert, key } = selfSigned('localhost');
  await writeFile(file('cert.pem'), cert);
  await writeFile(file('key.pem'), key);
  const tls = `ssl_certificate ${file('cert.pem')}; ssl_certificate_key ${file('key.pem')};`;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const config = `
    daemon off; worker_processes 1; pid ${file('pid')}; error_log stderr warn;
    events { worker_connections 256; }
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${file(name)};`).join(' ')}
      server { listen 127.0.0.1:${port}${isSecure ? ' ssl' : ''}; ${isSecure ? tls : ''} ${locations} }
    }`;
  await writeFile(file('nginx.conf'), config);
  const child = spawn('nginx', ['-p', folder, '-e', 'stderr', '-c', file('nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const closed = once(child, 'close');
  await waitUntilListening(port, isSecure ? 'https' : 'http', () => {
    if (child.exitCode !== null) throw new Error(`nginx exited:\n${errors}`);
  });
  return {
    port,
    authorityFile: file('cert.pem'),
    async close() {
      child.kill();
      await closed;
      await rm(folder, { recursive: true });
    },
  };
}

/** Any response will do, or a certificate that is unknown here. */
async function waitUntilListening(port: number, scheme: string, check: () => void): Promise<void> {
  for (;;) {
    check();
    const error = await fetch(`${scheme}://127.0.0.1:${port}/`).then(
      () => undefined,
      ({ cause }: Error) => (cause as NodeJS.ErrnoException).code,
    );
    if (error !== 'ECONNREFUSED') return;
    await sleep(20);
  }
}
