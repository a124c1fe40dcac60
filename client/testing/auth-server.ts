import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { initTRPC, TRPCError } from '@trpc/server';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { reasons, type Reason } from '../../shared/reasons.ts';
import type { AuthResult, User } from '../../shared/schemas.ts';

/** What a test can see of one HTTP request. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly paths: readonly string[];
  readonly headers: IncomingMessage['headers'];
}

/** A call that is held until the test lets it go. */
export interface HeldCall {
  /** Resolves when the call has arrived. */
  readonly arrived: Promise<void>;
  release(): void;
}

interface Context {
  readonly bearer: string | null;
  readonly cookie: string | null;
  readonly isCookieMode: boolean;
  readonly response: ServerResponse;
}

interface ServerSession {
  readonly id: string;
  userId: string;
  counter: number;
  /** Seconds at which the counter last moved. */
  movedAt: number;
  /** Access tokens made before are stale. */
  staleBefore: number;
  ended: boolean;
}

type Role = 'user' | 'admin' | 'editor';

/** What shall happen to one call. */
interface Script {
  before?(): Promise<void> | void;
  /** In place of the procedure's own, past its output type: a hostile server knows none. */
  readonly answer?: unknown;
  after?(response: ServerResponse): Promise<void> | void;
}

interface State {
  readonly accounts: Map<string, { user: User<Role>; password: string }>;
  readonly sessions: Map<string, ServerSession>;
  /** Access token → session and second of its end. */
  readonly accessTokens: Map<string, { session: ServerSession; endsAt: number; number: number }>;
  readonly scripts: Map<string, Script[]>;
  readonly calls: string[];
  hasForeignFormatter: boolean;
  nowSeconds: number;
  expiresIn: number;
  issued: number;
  reuses: number;
  notes: number;
}

const graceSeconds = 10;

function createState(): State {
  return {
    accounts: new Map(),
    sessions: new Map(),
    accessTokens: new Map(),
    scripts: new Map(),
    calls: [],
    hasForeignFormatter: false,
    nowSeconds: 0,
    expiresIn: 900,
    issued: 0,
    reuses: 0,
    notes: 0,
  };
}

function refuse(reason: Reason): never {
  const cause = new LatchkeyError(reason);
  throw new TRPCError({ code: reasons[reason].code, message: cause.message, cause });
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : refuse('invalid_input');
}

function credentials(value: unknown): { email: string; password: string } {
  const { email, password } = value as { email: unknown; password: unknown };
  return { email: text(email), password: text(password) };
}

function tokenInput(value: unknown): { refreshToken?: string } | undefined {
  return value as { refreshToken?: string } | undefined;
}

function buildRouter(state: State) {
  const t = initTRPC.context<Context>().create({
    errorFormatter({ shape, error }) {
      const reason = error.cause instanceof LatchkeyError ? error.cause.reason : undefined;
      return {
        ...shape,
        data: { ...shape.data, reason: state.hasForeignFormatter ? undefined : reason },
      };
    },
  });

  /** Plays what a test has written for this call, if anything. */
  const open = t.procedure.use(async ({ ctx, path, next }) => {
    state.calls.push(path);
    const script = state.scripts.get(path)?.shift() ?? {};
    await script.before?.();
    const result = await next();
    await script.after?.(ctx.response);
    return 'answer' in script ? { ...result, ok: true as const, data: script.answer } : result;
  });
  const guarded = open.use(({ ctx, next }) => {
    if (ctx.bearer === null) refuse('token_missing');
    const token = state.accessTokens.get(ctx.bearer);
    if (!token) refuse('token_invalid');
    if (token.endsAt <= state.nowSeconds) refuse('token_expired');
    if (token.session.ended) refuse('session_revoked');
    if (token.number < token.session.staleBefore) refuse('token_stale');
    return next({ ctx: { session: token.session } });
  });

  function findUser(session: ServerSession): User<Role> {
    for (const { user } of state.accounts.values()) if (user.id === session.userId) return user;
    return refuse('session_revoked');
  }

  function issue(ctx: Context, session: ServerSession): AuthResult<Role> {
    const number = ++state.issued;
    const accessToken = `access.${session.id}.${number}`;
    state.accessTokens.set(accessToken, {
      session,
      endsAt: state.nowSeconds + state.expiresIn,
      number,
    });
    const refreshToken = `refresh.${session.id}.${session.counter}`;
    if (ctx.isCookieMode) {
      ctx.response.setHeader('set-cookie', `latchkey=${refreshToken}; HttpOnly; SameSite=Lax`);
    }
    return {
      accessToken,
      tokenType: 'Bearer',
      expiresIn: state.expiresIn,
      refreshToken: ctx.isCookieMode ? null : refreshToken,
      user: findUser(session),
    };
  }

  function start(ctx: Context, userId: string): AuthResult<Role> {
    const id = `s${state.sessions.size + 1}`;
    const session = { id, userId, counter: 0, movedAt: 0, staleBefore: 0, ended: false };
    state.sessions.set(id, session);
    return issue(ctx, session);
  }

  function findSession(token: string | null | undefined): [ServerSession, number] | undefined {
    const [, id, counter] = /^refresh\.(\w+)\.(\d+)$/.exec(token ?? '') ?? [];
    const session = state.sessions.get(id ?? '');
    return session && [session, Number(counter)];
  }

  function refresh(ctx: Context, token: string | null | undefined): AuthResult<Role> {
    if (token === null || token === undefined) return refuse('token_missing');
    const [session, counter] = findSession(token) ?? refuse('token_invalid');
    if (session.ended) return refuse('session_revoked');
    if (counter === session.counter) {
      session.counter++;
      session.movedAt = state.nowSeconds;
      return issue(ctx, session);
    }
    const isInGrace = state.nowSeconds - session.movedAt <= graceSeconds;
    if (counter === session.counter - 1 && isInGrace) return issue(ctx, session);
    session.ended = true;
    state.reuses++;
    return refuse('refresh_reused');
  }

  return t.router({
    auth: t.router({
      register: open.input(credentials).mutation(({ ctx, input }) => {
        if (state.accounts.has(input.email)) return refuse('email_taken');
        return start(ctx, addAccount(state, input.email, input.password).id);
      }),
      login: open.input(credentials).mutation(({ ctx, input }) => {
        const account = state.accounts.get(input.email);
        if (account?.password !== input.password) return refuse('invalid_credentials');
        return start(ctx, account.user.id);
      }),
      refresh: open
        .input(tokenInput)
        .mutation(({ ctx, input }) => refresh(ctx, input?.refreshToken ?? ctx.cookie)),
      logout: open.input(tokenInput).mutation(({ ctx, input }) => {
        const token = input?.refreshToken ?? ctx.cookie;
        const session =
          token === null
            ? state.accessTokens.get(ctx.bearer ?? '')?.session
            : findSession(token)?.[0];
        const revoked = session?.ended === false;
        if (session) session.ended = true;
        if (ctx.cookie !== null) ctx.response.setHeader('set-cookie', 'latchkey=; Max-Age=0');
        return { revoked };
      }),
    }),
    user: t.router({
      me: guarded.query(({ ctx }) => findUser(ctx.session)),
      update: guarded
        .input((value: unknown) => value as { name: string })
        .mutation(({ ctx, input }) => {
          const user = findUser(ctx.session);
          user.name = input.name;
          return user;
        }),
      changePassword: guarded
        .input((value: unknown) => value as { currentPassword: string; newPassword: string })
        .mutation(({ ctx }) => {
          ctx.session.counter += 2;
          return issue(ctx, ctx.session);
        }),
      delete: guarded
        .input((value: unknown) => value as { password: string })
        .mutation(({ ctx }) => {
          ctx.session.ended = true;
          return { deleted: true as const };
        }),
    }),
    session: t.router({
      revokeAll: guarded.mutation(({ ctx }) => {
        ctx.session.ended = true;
        return { revoked: 1 };
      }),
    }),
    notes: t.router({
      mine: guarded.query(({ ctx }) => findUser(ctx.session).email),
      search: guarded.input(text).query(({ input }) => input.length),
      add: guarded.mutation(() => ++state.notes),
      upload: guarded
        .input((value: unknown) => value as FormData)
        .mutation(({ input }) => text(input.get('title'))),
    }),
    hello: open.query(() => 'hello'),
    fail: open.input(text).query(({ input }) => {
      throw new TRPCError({ code: 'BAD_REQUEST', message: input });
    }),
  });
}

/** The router of the fixture: Latchkey's procedures as far as a client uses them, and a host's. */
export type TestRouter = ReturnType<typeof buildRouter>;

function addAccount(state: State, email: string, password: string): User<Role> {
  const now = new Date(0).toISOString();
  const user: User<Role> = {
    id: `u${state.accounts.size + 1}`,
    email,
    emailVerified: false,
    username: null,
    name: null,
    role: 'user',
    status: 'active',
    createdAt: now,
    updatedAt: now,
  };
  state.accounts.set(email, { user, password });
  return user;
}

/** A real tRPC server on a loopback socket whose replies a test can hold, lose, refuse and forge. */
export interface AuthServer extends AsyncDisposable {
  readonly url: string;
  /** The requests so far, preflights and redirects among them. */
  readonly requests: readonly SeenRequest[];
  /** How often refresh tokens were used a second time outside the grace. */
  readonly reuses: number;
  /** How often `notes.add` ran. */
  readonly notes: number;
  readonly liveSessions: number;
  countCalls(path: string): number;
  addUser(email: string, password?: string): User<Role>;
  advance(seconds: number): void;
  setLifetime(seconds: number): void;
  /** The next call of the procedure waits before it does anything. */
  hold(path: string): HeldCall;
  /** The next call of the procedure does its work, and its reply waits. */
  holdReply(path: string): HeldCall;
  /** The next call of the procedure does its work, and the connection breaks. */
  loseReply(path: string): void;
  refuse(path: string, reason: Reason): void;
  answer(path: string, answer: unknown): void;
  makeTokensStale(): void;
  forgetAccessTokens(): void;
  /** Of that user, or all. */
  endSessions(email?: string): void;
  useForeignFormatter(): void;
  /** The next request is redirected. */
  redirectTo(url: string): void;
}

/** Starts a server with no users. */
export async function createAuthServer(): Promise<AuthServer> {
  const state = createState();
  const requests: SeenRequest[] = [];
  let redirect: string | undefined;
  const handle = createHTTPHandler({
    router: buildRouter(state),
    basePath: '/trpc/',
    createContext: ({ req, res }): Context => ({
      bearer: req.headers.authorization?.slice('Bearer '.length) ?? null,
      cookie: findCookie(req),
      isCookieMode: req.headers['x-latchkey-mode'] === 'cookie',
      response: res,
    }),
  });
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    requests.push({
      method: request.method ?? '',
      url: request.url ?? '',
      paths: url.pathname.slice('/trpc/'.length).split(','),
      headers: request.headers,
    });
    if (redirect === undefined) {
      handle(request, response);
      return;
    }
    response.writeHead(307, { location: redirect }).end();
    redirect = undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  function script(path: string, entry: Script): void {
    const scripts = state.scripts.get(path) ?? [];
    state.scripts.set(path, [...scripts, entry]);
  }
  function hold(path: string, when: 'before' | 'after'): HeldCall {
    const arrived = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    script(path, {
      [when]: () => {
        arrived.resolve();
        return released.promise;
      },
    });
    return { arrived: arrived.promise, release: () => released.resolve() };
  }

  return {
    url: `http://127.0.0.1:${port}/trpc`,
    requests,
    get reuses() {
      return state.reuses;
    },
    get notes() {
      return state.notes;
    },
    get liveSessions() {
      return [...state.sessions.values()].filter((session) => !session.ended).length;
    },
    countCalls: (path) => state.calls.filter((called) => called === path).length,
    addUser: (email, password = 'password') => addAccount(state, email, password),
    advance: (seconds) => {
      state.nowSeconds += seconds;
    },
    setLifetime: (seconds) => {
      state.expiresIn = seconds;
    },
    hold: (path) => hold(path, 'before'),
    holdReply: (path) => hold(path, 'after'),
    loseReply: (path) => script(path, { after: (response) => void response.destroy() }),
    refuse: (path, reason) => script(path, { before: () => refuse(reason) }),
    answer: (path, answer) => script(path, { answer }),
    makeTokensStale: () => {
      for (const session of state.sessions.values()) {
        session.staleBefore = state.issued + 1;
      }
    },
    forgetAccessTokens: () => state.accessTokens.clear(),
    endSessions: (email) => {
      const userId = email === undefined ? undefined : state.accounts.get(email)?.user.id;
      for (const session of state.sessions.values()) {
        if (email === undefined || session.userId === userId) session.ended = true;
      }
    },
    useForeignFormatter: () => {
      state.hasForeignFormatter = true;
    },
    redirectTo: (url) => {
      redirect = url;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function findCookie(request: IncomingMessage): string | null {
  return /latchkey=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? null;
}
