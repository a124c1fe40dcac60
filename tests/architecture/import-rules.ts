import type { Source, SourceImport } from './read-sources.ts';

/** `shared`, `client`, or a folder or file of the server: `server/store`, `server/latchkey`. */
type Part = string;

const rules: readonly Part[] = ['server/accounts', 'server/sessions'];
const services: readonly Part[] = [
  'server/store',
  'server/tokens',
  'server/passwords',
  'server/limits',
  'server/audit',
];

/** The error of a wrong set-up: every part may throw it, so it stands apart from the settings. */
const configurationError = 'server/config/configuration-error';

/** Files that are a part of their own in their folder, or one part with a neighbour. */
const partsByFile: Readonly<Record<string, Part>> = {
  'server/config/configuration-error.ts': configurationError,
  'server/start-screen.ts': 'server/start',
};

/** What everything in the server may import. */
const ground: readonly Part[] = ['shared', 'server/runtime', configurationError];

/**
 * Which parts a part may import, beside itself: the way of a call, from the outside in.
 * What is not listed is not allowed, so that a new folder needs a decision here.
 */
const allowed: Readonly<Record<Part, readonly Part[]>> = {
  shared: [],
  client: ['shared'],
  'client/react': ['client', 'shared'],
  'server/runtime': [],
  'server/package-json': [],
  [configurationError]: [],
  'server/store': ground,
  'server/tokens': ground,
  'server/passwords': ground,
  'server/limits': ground,
  'server/audit': ground,
  // Settings take their bounds from the parts that they set.
  'server/config': [...ground, ...services],
  'server/sessions': [...ground, ...services],
  'server/accounts': [...ground, ...services, 'server/sessions'],
  'server/logger': [...ground, 'server/config'],
  'server/trpc': [...ground, ...services, ...rules, 'server/logger'],
  'server/routers': [...ground, ...services, ...rules, 'server/logger', 'server/trpc'],
  'server/http': [
    ...ground,
    ...services,
    ...rules,
    'server/config',
    'server/logger',
    'server/trpc',
    'server/routers',
  ],
  'server/api-page': [...ground, 'server/package-json', 'server/trpc', 'server/http'],
  // They look at every part from outside, and no part knows of them.
  'server/metrics': [...ground, ...services, 'server/package-json', 'server/http'],
  'server/traces': [...ground, ...services, 'server/package-json', 'server/logger', 'server/http'],
  'server/observers': [
    ...ground,
    ...services,
    'server/logger',
    'server/http',
    'server/metrics',
    'server/traces',
  ],
};
const inner: readonly Part[] = Object.keys(allowed).filter((part) => !part.startsWith('client'));
const outermost: Readonly<Record<Part, readonly Part[]>> = {
  'server/compose': inner,
  'server/latchkey': [...inner, 'server/compose'],
  'server/index': [...inner, 'server/compose', 'server/latchkey'],
  'server/start': [...inner, 'server/compose', 'server/latchkey'],
  // Many processes in the place of one.
  'server/cluster': [...inner, 'server/start'],
  'server/serve': [...inner, 'server/start', 'server/cluster'],
  'server/main': [...inner, 'server/serve'],
  'server/cli': [...inner, 'server/compose', 'server/serve'],
  'server/testing': [...inner, 'server/compose', 'server/latchkey', 'server/index', 'client'],
};
/** The console is an application like a stranger's: of ours it has the package alone. */
const applications: Readonly<Record<Part, readonly Part[]>> = { web: [] };
const mayImport: Readonly<Record<Part, readonly Part[]>> = {
  ...allowed,
  ...outermost,
  ...applications,
};

const edge: readonly Part[] = ['server/http', ...Object.keys(outermost)];

/**
 * The only homes of a package, or of one entry of it: to change the library is to change these
 * and nothing else.
 */
const homes: Readonly<Record<string, readonly Part[]>> = {
  // The test kit forges the tokens that have to be refused.
  jose: ['server/tokens', 'server/testing'],
  '@node-rs/bcrypt': ['server/passwords'],
  '@zxcvbn-ts/language-common': ['server/passwords', 'web'],
  'drizzle-orm': ['server/store'],
  'better-sqlite3': ['server/store'],
  'rate-limiter-flexible': ['server/limits'],
  redis: ['server/limits'],
  '@trpc/server': [
    'server/trpc',
    'server/routers',
    'server/http',
    'server/api-page',
    'server/latchkey',
    'server/index',
    'server/testing',
  ],
  '@trpc/server/observable': ['client', 'server/testing'],
  '@trpc/client': ['client', 'server/testing'],
  react: ['client/react', 'web'],
  '@tanstack/react-query': ['client/react', 'web'],
  '@trpc/tanstack-react-query': ['client/react'],
  zod: ['shared', 'server/api-page', 'server/config', 'server/cli'],
  uuidv7: ['server/runtime'],
  pino: ['server/logger'],
  'close-with-grace': ['server/serve', 'server/cluster'],
  // What the workers of one machine count, their primary sums up.
  'node:cluster': ['server/cluster', 'server/limits', 'server/metrics'],
  '@prometheus-io/client': ['server/metrics'],
  '@opentelemetry/api': ['server/traces'],
  citty: ['server/cli'],
  '@clack/prompts': ['server/cli'],
  'node:http': edge,
  'node:http2': edge,
  'node:https': edge,
  // Tests and what supports them are not shipped.
  vitest: [],
  'latchkey/client': ['web'],
  'latchkey/react': ['web'],
  // Its own name leads to the built package, not to the sources.
  latchkey: [],
};

/** The only doors of time and randomness, so that a test can turn the clock. */
const doors: readonly string[] = [
  'server/runtime.ts',
  'client/runtime.ts',
  'server/testing/clock.ts',
];
/** What only a door may use; of node:crypto everything that draws randomness. */
const guarded = new Set([
  'Date.now',
  'new Date()',
  'Math.random',
  'performance.now',
  'crypto.randomUUID',
  'crypto.getRandomValues',
  'randomBytes',
  'randomFill',
  'randomFillSync',
  'randomInt',
  'randomUUID',
]);
const excused: readonly string[] = [
  // The name of a draft has to be free, and nothing else of it matters.
  'client/file-storage.ts',
  // How long the start took is told once, and nothing hangs on it.
  'server/start.ts',
  // How long ago something was, to a person.
  'web/ui/time.tsx',
];

function partOf(path: string): Part {
  const [top = '', second = '', third = ''] = path.split('/');
  const isOfTwo = top === 'server' || path.startsWith('client/react/');
  const part = isOfTwo ? `${top}/${second.replace(/\.ts$/, '')}` : top;
  const supportsTests = (isOfTwo ? third : second) === 'testing';
  return partsByFile[path] ?? (supportsTests ? `${part}/testing` : part);
}

/** What supports the tests of one part, and is not shipped as `server/testing` is. */
function supportsTestsOf(part: Part): Part | undefined {
  return part === 'server/testing' ? undefined : /^(?<of>.+)\/testing$/.exec(part)?.groups?.['of'];
}

function isOurs(target: string): boolean {
  return /\.tsx?$/.test(target);
}

/** Imports that go against the direction in which parts may know each other. */
export function findWrongDirections(imports: readonly SourceImport[]): string[] {
  return imports.flatMap((entry) => {
    if (!isOurs(entry.target)) return [];
    const from = partOf(entry.file);
    const to = partOf(entry.target);
    if (from === to || listAllowed(from)?.includes(to)) return [];
    if (to.startsWith('server/') && isTypeForClient(entry)) return [];
    return [`${where(entry)} imports ${entry.target}, but ${describeAllowed(from)}.`];
  });
}

/** A client knows the types of the router it talks to, and nothing else of a server. */
function isTypeForClient({ file, typeOnly }: SourceImport): boolean {
  return typeOnly && isClient(partOf(file));
}

function isClient(part: Part): boolean {
  return part.startsWith('client') || part === 'web';
}

/** Support for the tests of a part may import that part and what that part may. */
function listAllowed(part: Part): readonly Part[] | undefined {
  const supported = supportsTestsOf(part);
  if (supported === undefined) return mayImport[part];
  return [supported, ...(mayImport[supported] ?? [])];
}

function describeAllowed(part: Part): string {
  const list = listAllowed(part);
  if (list === undefined) return `${part} has no rule yet: decide what it may import`;
  const types = isClient(part) ? ', and types of the server' : '';
  return `${part} may import ${list.length === 0 ? 'nothing of ours' : `only ${list.join(', ')}`}${types}`;
}

/** `@trpc/server/http` → `@trpc/server`. */
function packageOf(target: string): string {
  return target.split('/', target.startsWith('@') ? 2 : 1).join('/');
}

/** Packages used outside their homes. */
export function findStrayPackages(imports: readonly SourceImport[]): string[] {
  return imports.flatMap((entry) => {
    const home = homes[entry.target] ?? homes[packageOf(entry.target)];
    const part = partOf(entry.file);
    if (home === undefined || home.includes(part) || supportsTestsOf(part)) return [];
    const isOfRouter = ['@trpc/server', 'latchkey/server'].some(
      (name) => entry.target === name || packageOf(entry.target) === name,
    );
    if (isOfRouter && isTypeForClient(entry)) return [];
    const wanted = home.length === 0 ? 'no source file' : `only ${home.join(', ')}`;
    return [`${where(entry)} imports ${entry.target}, but ${wanted} may.`];
  });
}

/**
 * Files that import each other in a ring. Types are left out: between parts the table above
 * allows no ring, and types of one part that refer to each other cost no load order.
 */
export function findRings(imports: readonly SourceImport[]): string[] {
  const atRunTime = imports.filter(({ target, typeOnly }) => isOurs(target) && !typeOnly);
  const edges = atRunTime.map(({ file, target }) => ({ from: file, to: target }));
  return findLoops(edges).map((ring) => `These files import each other in a ring: ${ring}.`);
}

/** The same for the table of what may be imported. */
export function findRingsOfRules(): string[] {
  const edges = Object.entries(mayImport).flatMap(([from, list]) =>
    list.map((to) => ({ from, to })),
  );
  return findLoops(edges).map((ring) => `These parts may import each other in a ring: ${ring}.`);
}

/** The shortest way from each node back to itself, each loop named once. */
function findLoops(edges: readonly { from: string; to: string }[]): string[] {
  const next = Map.groupBy(edges, ({ from }) => from);
  const loops = new Map<string, string>();
  for (const start of next.keys()) {
    const ways: string[][] = [[start]];
    const seen = new Set<string>();
    for (const way of ways) {
      for (const { to } of next.get(way.at(-1) ?? '') ?? []) {
        const files = way.toSorted().join();
        if (to === start && !loops.has(files)) loops.set(files, [...way, start].join(' → '));
        if (to !== start && !seen.has(to)) ways.push([...way, to]);
        seen.add(to);
      }
    }
  }
  return [...loops.values()];
}

/** Every package that is loaded with a file, directly or by what it imports. */
export function findLoadedPackages(imports: readonly SourceImport[], file: string): string[] {
  const next = Map.groupBy(
    imports.filter(({ typeOnly }) => !typeOnly),
    (entry) => entry.file,
  );
  const loaded = new Set([file]);
  // A set also walks what is added to it on the way.
  for (const each of loaded) {
    for (const { target } of next.get(each) ?? []) loaded.add(target);
  }
  return [...loaded].filter((target) => !isOurs(target)).toSorted();
}

/** Places that read the clock or draw randomness beside the doors. */
export function findSideDoors(sources: readonly Source[]): string[] {
  return sources
    .filter(({ file }) => !doors.includes(file) && !excused.includes(file))
    .flatMap(({ uses }) => uses.filter(({ name }) => guarded.has(name)))
    .map((use) => `${where(use)} uses ${use.name}, but only ${doors.join(', ')} may.`);
}

function where({ file, line }: { file: string; line: number }): string {
  return `${file}:${line}`;
}
