/** Only chosen code and settings are run: exact versions, a lock file, no install scripts, no unknown settings. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config.ts';
import { startTracing } from '../../../src/observability/tracing.ts';
import { settings } from '../../support/observed.ts';

interface LockedPackage {
  version?: string;
  integrity?: string;
  link?: boolean;
  /** May be for another platform, and then is not installed. */
  optional?: boolean;
  hasInstallScript?: boolean;
}
interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const ROOT = new URL('../../../', import.meta.url);
const read = (file: string) => readFile(new URL(file, ROOT), 'utf8');
const readJson = async <Json>(file: string) => JSON.parse(await read(file)) as Json;
const manifest = await readJson<Manifest>('package.json');
const { packages } = await readJson<{ packages: Record<string, LockedPackage> }>('package-lock.json');

describe('the supply chain', () => {
  it('pins every dependency to an exact version', () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    const loose = versions.filter(([, version]) => !/^(\d+\.\d+\.\d+(-[\w.]+)?|file:\.node)$/.test(version));
    expect(loose).toEqual([]);
  });

  it('has a lock file with the same dependencies as package.json', () => {
    const { dependencies, devDependencies } = manifest;
    expect(packages['']).toMatchObject({ dependencies, devDependencies });
  });

  it('locks the digest of every package that is fetched', () => {
    const fetched = Object.entries(packages).filter(([path, { link }]) => path.startsWith('node_modules/') && !link);
    const unknown = fetched.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'));
    expect(fetched.length).toBeGreaterThan(100);
    expect(unknown.map(([path]) => path)).toEqual([]);
  });

  it('runs no install script, and needs none to serve', async () => {
    expect(await read('.npmrc')).toMatch(/^ignore-scripts=true$/m);
    const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript);
    const needed = scripted.filter(([path]) => Object.hasOwn(manifest.dependencies, path.replace('node_modules/', '')));
    expect(needed).toEqual([]);
  });

  it('has the installed versions of the lock file', async () => {
    const needed = Object.entries(packages).filter(([path, { link, optional }]) => path && !link && !optional);
    const installed = await Promise.all(
      needed.map(async ([path]) => [path, (await readJson<LockedPackage>(`${path}/package.json`)).version]),
    );
    expect(installed).toEqual(needed.map(([path, { version }]) => [path, version]));
  });
});

it('the container command in src/OPERATIONS.md is the one of npm start', async () => {
  const { scripts } = await readJson<{ scripts: Record<string, string> }>('package.json');
  const command = scripts['start']!.replace(/^.* exec /, '').split(' ');
  expect(await read('src/OPERATIONS.md')).toContain(
    `\nCMD [${command.map((word) => JSON.stringify(word)).join(', ')}]\n`,
  );
});

describe('.env.example', async () => {
  const text = await read('.env.example');
  const settingsIn = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name!);
  const named = settingsIn(/^([A-Z_]+)=/gm);
  const required = { API_KEYS: settings()['API_KEYS'], STRIPE_SECRET_KEY: 'sk_test_example' };

  /** The names of the variables that are read. */
  const findReadVariables = async (readAll: (env: Record<string, string | undefined>) => unknown) => {
    const names = new Set<string>();
    const env = new Proxy<Record<string, string | undefined>>(required, {
      get: (known, name: string) => (names.add(name), known[name]),
    });
    await readAll(env);
    return names;
  };

  it('lists exactly the settings that are read', async () => {
    const names = await findReadVariables(readConfig);
    // Variables of other software, which are read only to reject them.
    for (const foreign of ['NODE_TLS_REJECT_UNAUTHORIZED', 'OTEL_TRACES_EXPORTER', 'OTEL_LOG_LEVEL'])
      names.delete(foreign);
    expect(new Set(named)).toEqual(names);
  });

  it('lists the OpenTelemetry variables that enable tracing', async () => {
    const names = await findReadVariables(startTracing);
    expect(settingsIn(/^# (OTEL_[A-Z_]+)=/gm)).toEqual(
      expect.arrayContaining([...names].filter((name) => !name.includes('OTLP_TRACES'))),
    );
  });

  it('has the default values', () => {
    const written = Object.fromEntries(
      [...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value]),
    );
    expect(readConfig({ ...written, ...required })).toEqual(readConfig(required));
  });
});

describe('the configuration', () => {
  it.each<[string, Record<string, string>, RegExp]>([
    ['the same port for the API and the admin server', { PORT: '9090' }, /ADMIN_PORT: must differ from PORT/],
    ['a Redis URL with another scheme', { REDIS_URL: 'http://127.0.0.1:6379' }, /REDIS_URL: expected redis:/],
    ['a Redis URL without a host', { REDIS_URL: 'redis://' }, /REDIS_URL: expected redis:/],
    ['a Redis URL with client options', { REDIS_URL: 'redis://h?enableOfflineQueue=true' }, /REDIS_URL: expected/],
    [
      'a Redis password that is not percent-encoded',
      { REDIS_URL: 'redis://:50%canary@h' },
      /REDIS_URL: expected redis:/,
    ],
    [
      'every address as a trusted proxy',
      { TRUSTED_PROXIES: '0.0.0.0/0' },
      /TRUSTED_PROXIES: expected ranges no wider than \/8/,
    ],
    ['a host with a port', { HOST: '0.0.0.0:3000' }, /HOST: expected an address or a host name/],
    ['the origin null', { CORS_ORIGINS: 'null' }, /CORS_ORIGINS: expected origins/],
    ['every origin', { CORS_ORIGINS: '*' }, /CORS_ORIGINS: expected origins/],
    [
      'disabled certificate verification',
      { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
      /NODE_TLS_REJECT_UNAUTHORIZED: must not be 0/,
    ],
    [
      'a trace exporter that writes to standard output',
      { OTEL_TRACES_EXPORTER: 'console' },
      /OTEL_TRACES_EXPORTER: must not be console/,
    ],
    [
      'a second trace exporter that writes to standard output',
      { OTEL_TRACES_EXPORTER: 'otlp, console' },
      /OTEL_TRACES_EXPORTER: must not be console/,
    ],
    ['an OpenTelemetry log level', { OTEL_LOG_LEVEL: 'info' }, /OTEL_LOG_LEVEL: must be none or unset/],
    ['a misspelled setting', { REDIS_URI: 'redis://h' }, /REDIS_URI: unknown/],
  ])('rejects %s', (_what, env, reason) => {
    const { PORT: _port, ADMIN_PORT: _adminPort, ...rest } = settings();
    expect(() => readConfig({ ...rest, ...env })).toThrow(reason);
    expect(() => readConfig({ ...rest, ...env })).not.toThrow(/canary/);
  });

  it('accepts OpenTelemetry settings without the console trace exporter', () => {
    const env = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_METRICS_EXPORTER: 'console', OTEL_LOG_LEVEL: 'NONE' };
    expect(() => readConfig(settings(env))).not.toThrow();
    expect(() => readConfig(settings({ OTEL_TRACES_EXPORTER: '', OTEL_LOG_LEVEL: '' }))).not.toThrow();
  });

  it.each([
    'redis://redis',
    'redis://redis:6379',
    'rediss://user:p%40ss@redis.example.com:6380/15',
    'redis://:pass@[::1]:6379/0',
  ])('accepts %s as a Redis URL', (redisUrl) => {
    expect(readConfig(settings({ REDIS_URL: redisUrl })).redisUrl).toBe(redisUrl);
  });

  it('accepts the variables that Kubernetes sets for a service named redis', () => {
    const links = {
      REDIS_SERVICE_HOST: '10.0.0.1',
      REDIS_SERVICE_PORT: '6379',
      REDIS_SERVICE_PORT_MAIN: '6379',
      REDIS_PORT: 'tcp://10.0.0.1:6379',
      REDIS_PORT_6379_TCP: 'tcp://10.0.0.1:6379',
      REDIS_PORT_6379_TCP_ADDR: '10.0.0.1',
    };
    expect(() => readConfig(settings(links))).not.toThrow();
  });
});
