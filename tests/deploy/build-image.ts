import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readDockerfile, type Instruction } from './read-dockerfile.ts';

const context = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
/** How npm gets to its registry from here is this machine's affair. */
const outside = process.env;

/** What a Dockerfile makes, without an engine: a folder in place of the file system. */
export interface Image extends AsyncDisposable {
  readonly root: string;
  readonly environment: Readonly<Record<string, string>>;
  /** `ENTRYPOINT` and `CMD`. */
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
  /** User and group, by their numbers. */
  readonly user: string;
  readonly workFolder: string;
  /** The folder that outlives it. */
  readonly volume: string;
}

/** Follows `COPY`, `RUN` and the rest of it, each stage in a folder of its own. */
export async function buildImage(path: string): Promise<Image> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-image-'));
  // For the user of the image, who is not ours.
  await chmod(folder, 0o755);
  const ignored = await readFile(join(context, '.dockerignore'), 'utf8');
  const sent = ignored.split('\n').flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
  const stages = readDockerfile(await readFile(join(context, path), 'utf8'));
  let last: Omit<Image, keyof AsyncDisposable> | undefined;
  for (const { name, instructions } of stages) {
    const root = join(folder, name);
    const environment: Record<string, string> = {};
    const settled = {
      workFolder: '/',
      volume: '',
      user: '0:0',
      entry: '[]',
      command: '[]',
      healthCheck: '[]',
    };

    async function copy({ text, flags }: Instruction): Promise<void> {
      const from = flags.get('from');
      const words = text.split(/\s+/);
      const to = resolve(settled.workFolder, words.pop() ?? '');
      for (const source of words) {
        if (from === undefined && !sent.includes(source)) {
          throw new Error(`.dockerignore keeps ${source} from the builder.`);
        }
        const intoFolder = words.length > 1 || text.endsWith('/');
        const target = join(root, to, intoFolder ? basename(source) : '');
        await mkdir(dirname(target), { recursive: true });
        await cp(join(from === undefined ? context : join(folder, from), source), target, {
          recursive: true,
          verbatimSymlinks: true,
        });
        const mode = flags.get('chmod');
        if (mode !== undefined) await chmod(target, Number.parseInt(mode, 8));
      }
    }

    for (const instruction of instructions) {
      const { name: kind, text } = instruction;
      if (kind === 'COPY') await copy(instruction);
      else if (kind === 'WORKDIR') {
        settled.workFolder = text;
        await mkdir(join(root, text), { recursive: true });
      } else if (kind === 'RUN') {
        // What it names from the top is in the image.
        const command = text.replaceAll(/(?<= )\/(?=\w)/g, `${root}/`);
        await run('/bin/sh', ['-ec', command], {
          cwd: join(root, settled.workFolder),
          env: {
            ...outside,
            NODE_ENV: '',
            ...environment,
            PATH: `${dirname(process.execPath)}:${systemPath}`,
          },
          maxBuffer: 2 ** 26,
        });
      } else if (kind === 'ENV') {
        for (const [, key = '', value = ''] of text.matchAll(/(\w+)=(\S+)/g)) {
          environment[key] = value;
        }
      } else if (kind === 'VOLUME') settled.volume = text;
      else if (kind === 'USER') settled.user = text;
      else if (kind === 'ENTRYPOINT') settled.entry = text;
      else if (kind === 'CMD') settled.command = text;
      else if (kind === 'HEALTHCHECK') settled.healthCheck = text.slice(text.indexOf('['));
    }
    const { user, workFolder, volume } = settled;
    const [entry, command, healthCheck] = [settled.entry, settled.command, settled.healthCheck].map(
      (json) => JSON.parse(json) as string[],
    );
    last = {
      root,
      environment,
      user,
      workFolder,
      volume,
      command: [...(entry ?? []), ...(command ?? [])],
      healthCheck: healthCheck ?? [],
    };
  }
  if (last === undefined) throw new Error(`${path} builds nothing.`);
  return {
    ...last,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
