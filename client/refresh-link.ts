import {
  TRPCClientError,
  type Operation,
  type OperationLink,
  type OperationResultEnvelope,
  type TRPCLink,
} from '@trpc/client';
import type { AnyRouter } from '@trpc/server';
import { observable } from '@trpc/server/observable';
import { parseAuthResult, type SessionUser } from './auth-result.ts';
import { isUnauthorized, property, reasonOf } from './reason-of.ts';
import type { ClientSession, Ticket } from './session.ts';

type Envelope = OperationResultEnvelope<unknown, TRPCClientError<AnyRouter>>;

export interface RefreshLinkOptions<TUser extends SessionUser> {
  readonly session: ClientSession<TUser>;
  readonly mode: 'bearer' | 'cookie';
  /** Makes the link that sends calls with this token. */
  readonly transport: (accessToken: string | null) => TRPCLink<AnyRouter>;
}

/** Their answer is a new session; they are asked for without the old one. */
const signInPaths: ReadonlySet<string> = new Set(['auth.register', 'auth.login', 'auth.refresh']);

/** After their success this session is no more. */
const lastPaths: ReadonlySet<string> = new Set(['auth.logout', 'user.delete', 'session.revokeAll']);

/**
 * Sends every query and mutation with the token that is due, and so is the
 * last link of its chain. Subscriptions go on to the next link, untouched.
 *
 * A call is sent again in one case alone: the server refused its token as
 * expired or stale, which it does before it looks at the call. No other
 * failure, least of all a lost answer, says that nothing was done.
 */
export function refreshLink<TUser extends SessionUser>(
  options: RefreshLinkOptions<TUser>,
): TRPCLink<AnyRouter> {
  const { session, mode, transport } = options;

  async function takeNote(op: Operation, ticket: Ticket, data: unknown): Promise<void> {
    if (op.path === 'user.changePassword') await session.adopt(parseAuthResult(data, mode));
    if (op.path === 'user.update') session.noteUser(data);
    // A refresh token is named to sign out another session than this.
    if (lastPaths.has(op.path) && property(op.input, 'refreshToken') === undefined) {
      await session.lose(ticket, null);
    }
  }

  return (runtime) => {
    let bound: { accessToken: string | null; link: OperationLink<AnyRouter> } | undefined;

    return ({ op, next }) => {
      if (op.type === 'subscription') return next(op);
      return observable((observer) => {
        const unsubscribed = new AbortController();
        const signals = op.signal ? [op.signal, unsubscribed.signal] : [unsubscribed.signal];
        async function run(): Promise<void> {
          try {
            observer.next(await call({ ...op, signal: AbortSignal.any(signals) }));
            observer.complete();
          } catch (error) {
            observer.error(TRPCClientError.from(error as Error));
          }
        }
        void run();
        return () => unsubscribed.abort();
      });
    };

    async function call(op: Operation): Promise<Envelope> {
      if (signInPaths.has(op.path)) {
        return session.begin(
          () => send(op, null),
          (answer) => parseAuthResult(dataOf(answer), mode),
        );
      }
      let ticket = await untilAborted(session.ticket(), op.signal);
      // A token of another tab may be no younger than the one that it replaces.
      for (let isLast = false; ; isLast = !ticket.isBorrowed) {
        try {
          return await attempt(op, ticket);
        } catch (error) {
          const reason = refusalOf(ticket, error);
          if (isLast || (reason !== 'token_expired' && reason !== 'token_stale')) throw error;
        }
        ticket = await untilAborted(session.replace(ticket), op.signal);
      }
    }

    function attempt(op: Operation, ticket: Ticket): Promise<Envelope> {
      // Its answer replaces the refresh token, which must not be spent elsewhere meanwhile.
      return op.path === 'user.changePassword'
        ? session.exclusive(() => exchange(op, ticket))
        : exchange(op, ticket);
    }

    async function exchange(op: Operation, ticket: Ticket): Promise<Envelope> {
      const envelope = await send(op, ticket.accessToken).catch(async (error: unknown) => {
        session.assertCurrent(ticket);
        const reason = refusalOf(ticket, error);
        if (reason === 'token_invalid' || reason === 'session_revoked') {
          await session.lose(ticket, reason);
        }
        throw error;
      });
      session.assertCurrent(ticket);
      await takeNote(op, ticket, dataOf(envelope));
      return envelope;
    }

    function send(op: Operation, accessToken: string | null): Promise<Envelope> {
      return new Promise((resolve, reject) => {
        linkFor(accessToken)({ op, next: noNextLink }).subscribe({ next: resolve, error: reject });
      });
    }

    /** One link for each token: what is called together is sent together. */
    function linkFor(accessToken: string | null): OperationLink<AnyRouter> {
      if (bound?.accessToken !== accessToken) {
        bound = { accessToken, link: transport(accessToken)(runtime) };
      }
      return bound.link;
    }
  };
}

/** Why the server refused the very token of this ticket, if that is what it did. */
function refusalOf(ticket: Ticket, error: unknown): ReturnType<typeof reasonOf> {
  return ticket.accessToken !== null && isUnauthorized(error) ? reasonOf(error) : null;
}

function dataOf({ result }: Envelope): unknown {
  return property(result, 'data');
}

function noNextLink(): never {
  throw new Error('The transport is the last link.');
}

function untilAborted<T>(promise: Promise<T>, signal: Operation['signal']): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject);
  });
}
