import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { glob, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { serverVariables } from '../server/config/environment.ts';
import { settingsTable } from '../server/config/settings.ts';
import { createApi } from './contract/api.ts';
import { createFolder } from './contract/server-process.ts';
import { readDockerfile } from './deploy/read-dockerfile.ts';
import { readSnippets } from './docs/read-snippets.ts';
import { findFreePort } from './proxy/nginx.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

function read(path: string): Promise<string> {
  return readFile(join(root, path), 'utf8');
}

async function list(pattern: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const path of glob(pattern, { cwd: root })) paths.push(path);
  return paths.toSorted();
}

/** The parts of a manifest that these tests look at. */
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

async function readManifest(name: string): Promise<Manifest> {
  // Of this shape, or the assertions on it fail.
  return parse(await read(`deploy/kubernetes/${name}.yaml`)) as Manifest;
}

/** Where `deploy/latchkey.sh` looks for the environment. */
const environmentFile = '/etc/latchkey/latchkey.env';

test('what the documents show of deploy/ is what is there', async () => {
  const shown: string[] = [];
  for (const path of await list('docs/**/*.md')) {
    for (const snippet of readSnippets(path, await read(path))) {
      if (!snippet.source?.startsWith('deploy/')) continue;
      shown.push(snippet.source);
      expect(snippet.text.trim()).toBe((await read(snippet.source)).trim());
    }
  }
  expect(shown).not.toEqual([]);
});

test('every variable that is named is one that the server has', async () => {
  const known = new Set([
    'LATCHKEY_SECRET',
    ...Object.keys(serverVariables),
    ...Object.values(settingsTable).map(({ env }) => env),
  ]);
  const unknown: string[] = [];
  for (const path of [...(await list('deploy/**/*.*')), ...(await list('docs/operations/*.md'))]) {
    for (const [name] of (await read(path)).matchAll(/\bLATCHKEY_[A-Z_]+\b/g)) {
      if (!known.has(name)) unknown.push(`${path} names ${name}`);
    }
  }
  expect(unknown).toEqual([]);
});

test('every manifest of the folder is applied, and each fits the others', async () => {
  const { resources } = parse(await read('deploy/kubernetes/kustomization.yaml')) as {
    resources: string[];
  };
  const files = (await list('deploy/kubernetes/*.yaml')).map((path) => path.split('/').at(-1));
  expect([...resources, 'kustomization.yaml'].toSorted()).toEqual(files);

  const labels = { 'app.kubernetes.io/name': 'latchkey' };
  const selector = { matchLabels: labels };
  const deployment = await readManifest('deployment');
  const service = await readManifest('service');
  const budget = await readManifest('pod-disruption-budget');
  const policy = await readManifest('network-policy');
  const scaler = await readManifest('horizontal-pod-autoscaler');
  const secret = await readManifest('secret');
  const [, user] = /^USER (\d+)/m.exec(await read('deploy/Dockerfile')) ?? [];
  expect(deployment.spec).toMatchObject({
    selector,
    template: {
      metadata: { labels },
      spec: {
        securityContext: { runAsNonRoot: true, runAsUser: Number(user) },
        containers: [
          {
            ports: [{ name: 'http', containerPort: 4000 }],
            startupProbe: { httpGet: { path: '/health/ready', port: 'http' } },
            readinessProbe: { httpGet: { path: '/health/ready', port: 'http' } },
            livenessProbe: { httpGet: { path: '/health/live', port: 'http' } },
            securityContext: { readOnlyRootFilesystem: true },
            volumeMounts: [{ name: 'environment', mountPath: '/etc/latchkey' }, {}],
          },
        ],
        volumes: [{ name: 'environment', secret: { secretName: secret.metadata.name } }, {}],
      },
    },
  });
  expect(Object.keys(secret.stringData ?? {})).toEqual(['latchkey.env']);
  expect(service.spec).toMatchObject({ selector: labels, ports: [{ targetPort: 'http' }] });
  expect(budget.spec).toMatchObject({ selector });
  expect(policy.spec).toMatchObject({ podSelector: selector });
  expect(scaler.spec).toMatchObject({ scaleTargetRef: { kind: 'Deployment', name: 'latchkey' } });
});

test('the compose file runs the image twice, with secrets that it reads', async () => {
  const { services, secrets, networks, volumes } = parse(await read('deploy/compose.yaml'), {
    merge: true,
  }) as Record<'services' | 'secrets' | 'networks' | 'volumes', Record<string, unknown>>;
  const { caddy, ...others } = services ?? {};
  for (const name of ['latchkey-1', 'latchkey-2']) {
    expect(others[name]).toMatchObject({
      build: { context: '..', dockerfile: 'deploy/Dockerfile' },
      read_only: true,
      cap_drop: ['ALL'],
      secrets: [{ source: 'latchkey_env', target: environmentFile }],
    });
  }
  expect(caddy).toMatchObject({
    environment: { AUTH_PROCESSES: 'latchkey-1:4000 latchkey-2:4000' },
    networks: ['front'],
  });
  expect(await read('deploy/Caddyfile')).toContain('{$AUTH_PROCESSES:');
  expect(Object.keys(secrets ?? {})).toEqual(['latchkey_env', 'postgres_password']);
  expect(Object.keys(volumes ?? {})).toEqual(['caddy', 'postgres']);
  expect(networks).toMatchObject({ back: { internal: true } });
});

test('nothing secret is in the image, and nobody is root in it', async () => {
  const stages = readDockerfile(await read('deploy/Dockerfile'));
  const [last] = stages.toReversed();
  const names = new Map(last?.instructions.map(({ name, text: value }) => [name, value]));
  expect(names.get('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  expect(names.get('STOPSIGNAL')).toBe('SIGTERM');
  expect(names.get('HEALTHCHECK')).toContain('/health/ready');
  const ignored = (await read('.dockerignore')).split('\n').filter((line) => /^[^#]/.test(line));
  expect(ignored[0]).toBe('*');
  for (const stage of stages) {
    for (const { name, text: value } of stage.instructions) {
      if (name === 'COPY') expect(value).not.toMatch(/^\. |data|\.env/);
      if (name === 'ENV') expect(value).not.toMatch(/SECRET|PASSWORD|URL/);
      expect(name).not.toBe('ARG');
    }
  }
});

const whyNoSystemd =
  spawnSync('systemd-analyze', ['--version']).error === undefined
    ? null
    : 'systemd-analyze is not on this machine';
if (whyNoSystemd !== null) process.stdout.write(`The unit is not verified: ${whyNoSystemd}\n`);

test.skipIf(whyNoSystemd !== null)('systemd finds nothing wrong with the unit', async () => {
  await using folder = await createFolder();
  const unit = join(folder.path, 'latchkey.service');
  // What is not installed here has a stand-in: a command has to be there.
  const installed = (await read('deploy/latchkey.service')).replace(
    /(?<=ExecStart=)\S+/,
    '/bin/true',
  );
  await writeFile(unit, installed);
  const verified = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
  expect([verified.status, verified.stderr]).toEqual([0, '']);
  // From 0, locked in, to 10, unsafe; a unit without a word of it has 9.6.
  const rated = ['security', '--offline=true', '--threshold=15', '--no-pager', unit];
  expect(spawnSync('systemd-analyze', rated).status).toBe(0);
});

test('the command of the unit serves with the environment of its file', async () => {
  await using folder = await createFolder();
  const port = await findFreePort();
  const [file, script] = [join(folder.path, 'latchkey.env'), join(folder.path, 'latchkey')];
  const secret = randomBytes(32).toString('base64url');
  const example = await read('deploy/latchkey.env.example');
  const filled = example
    .replace(/^LATCHKEY_SECRET=$/m, `LATCHKEY_SECRET=${secret}`)
    .replace('/var/lib/latchkey', folder.path);
  await writeFile(file, `${filled}PORT=${port}\n`);
  const wrapper = (await read('deploy/latchkey.sh'))
    .replace(environmentFile, file)
    .replace('/opt/latchkey/dist/server/cli/main.js', join(root, 'server/cli/main.ts'));
  await writeFile(script, wrapper, { mode: 0o755 });
  const [, start = ''] =
    /^ExecStart=\/usr\/local\/bin\/latchkey (.*)$/m.exec(await read('deploy/latchkey.service')) ??
    [];

  const child = spawn(script, start.split(' '), {
    cwd: folder.path,
    env: { PATH: `${join(root, 'node_modules/.bin')}:/usr/bin:/bin`, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  const errors = text(child.stderr);
  const output = text(child.stdout);
  const api = createApi(`http://127.0.0.1:${port}`);
  await vi.waitFor(async () => expect((await api.send('/health/ready')).status).toBe(200), {
    timeout: 15_000,
  });
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  expect(await errors).toBe('');
  expect(await output).not.toContain(secret);
});
