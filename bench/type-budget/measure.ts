import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { clientSource, hostSources } from './host.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const compiler = join(root, 'node_modules/typescript/bin/tsc');

export const kinds = ['plain', 'latchkey'] as const;
export const programs = ['host', 'client'] as const;
export type Kind = (typeof kinds)[number];
export type Program = (typeof programs)[number];

/** What the compiler says of one program. */
export interface TypeCost {
  /** The same each time. */
  readonly instantiations: number;
  readonly types: number;
  readonly checkSeconds: number;
  readonly totalSeconds: number;
  readonly memoryKilobytes: number;
}

/** Hosts to be compiled, each plain and with Latchkey, in a folder that is gone when disposed. */
export interface Budget extends AsyncDisposable {
  compile(program: Program, kind: Kind): Promise<TypeCost>;
}

const options = {
  target: 'es2024',
  module: 'nodenext',
  lib: ['es2024', 'dom'],
  types: ['node'],
  strict: true,
  // As those have it who begin with tRPC's examples.
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  rewriteRelativeImportExtensions: true,
};

/**
 * Builds the declarations as a package has them, and writes the hosts that use them. What the
 * client is compiled against are the declarations of its host, so that it pays for itself alone.
 */
export async function createBudget(): Promise<Budget> {
  await mkdir(join(root, 'data'), { recursive: true });
  // Inside the project, where its dependencies are found.
  const folder = await mkdtemp(join(root, 'data/types-'));
  const built = join(folder, 'latchkey');
  const paths = { 'latchkey/server': [join(built, 'server/index.d.ts')] };
  await tsc('-p', join(root, 'tsconfig.build.json'), '--outDir', built, '--emitDeclarationOnly');

  async function write(name: string, sources: ReadonlyMap<string, string>, more: object) {
    await mkdir(join(folder, name));
    for (const [file, source] of sources) await writeFile(join(folder, name, file), source);
    const project = { compilerOptions: { ...options, paths, ...more }, include: ['*.ts'] };
    await writeFile(join(folder, name, 'tsconfig.json'), JSON.stringify(project));
  }

  for (const kind of kinds) {
    const outDir = join(folder, `declarations-${kind}`);
    const emitting = { declaration: true, emitDeclarationOnly: true, outDir };
    await write(`host-${kind}`, hostSources(kind), emitting);
    await tsc('-p', join(folder, `host-${kind}`));
    const client = new Map([['client.ts', clientSource(`../declarations-${kind}/app.js`)]]);
    await write(`client-${kind}`, client, { noEmit: true });
  }
  return {
    async compile(program, kind) {
      const project = join(folder, `${program}-${kind}`);
      // Several checkers would share the work differently each time.
      return costOf(
        await tsc('-p', project, '--noEmit', '--extendedDiagnostics', '--singleThreaded'),
      );
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

/** @throws Error with what the compiler found, if it found anything */
async function tsc(...args: readonly string[]): Promise<string> {
  try {
    return (await run(process.execPath, [compiler, ...args])).stdout;
  } catch (error) {
    throw new Error(`tsc ${args.join(' ')}\n${(error as { stdout?: string }).stdout}`, {
      cause: error,
    });
  }
}

function costOf(diagnostics: string): TypeCost {
  const figure = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+([\\d.]+)[sK]?$`, 'm').exec(diagnostics)?.[1];
    if (found === undefined) throw new Error(`The compiler says no ${name}:\n${diagnostics}`);
    return Number(found);
  };
  return {
    instantiations: figure('Instantiations'),
    types: figure('Types'),
    checkSeconds: figure('Check time'),
    totalSeconds: figure('Total time'),
    memoryKilobytes: figure('Memory used'),
  };
}
