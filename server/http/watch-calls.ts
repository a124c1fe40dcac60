import {
  getTRPCErrorFromUnknown,
  type AnyTRPCProcedure,
  type AnyTRPCRouter,
  type TRPCError,
} from '@trpc/server';
import type { Reason } from '../../shared/reasons.ts';
import { reasonOf } from '../trpc/error-formatter.ts';
import type { Answer } from './answer.ts';
import type { CallOptions, CallResult } from './call-procedures.ts';
import type { IncomingCall } from './handler.ts';
import type { Route } from './routes.ts';

/** How a call ended: `other` is an error of a host's own that is none of Latchkey's kinds. */
export type CallOutcome = Reason | 'ok' | 'other';

/** What calls to a path that nothing stands at are told as: whoever makes paths up names nothing. */
const unknownPath = 'unknown';

/** Hears of calls: for metrics and traces. Nothing of it is in the way of a call where nobody listens. */
export interface CallObserver {
  /** Does the work of one request, whatever is called in it. */
  request<T>(request: Pick<IncomingCall, 'headers'>, work: () => T): T;
  /**
   * Makes one call. Paths are those of procedures and routes that there are.
   *
   * @param outcomeOf of what it returned, or of what it threw
   */
  call<T>(path: string, run: () => Promise<T>, outcomeOf: OutcomeOf<T>): Promise<T>;
  /** A call was refused before it was made. */
  refusal(path: string, outcome: CallOutcome): void;
}

/** Says of what a call returned or threw how it ended. */
export type OutcomeOf<T> = (
  settled: { readonly value: T } | { readonly error: unknown },
) => CallOutcome;

/** Several as one, the first of them outermost. */
export function joinObservers(observers: readonly CallObserver[]): CallObserver | undefined {
  const [first, ...others] = observers;
  const rest = first && joinObservers(others);
  if (!rest) return first;
  return {
    request: (request, work) => first.request(request, () => rest.request(request, work)),
    call: (path, run, outcomeOf) =>
      first.call(path, () => rest.call(path, run, outcomeOf), outcomeOf),
    refusal(path, outcome) {
      first.refusal(path, outcome);
      rest.refusal(path, outcome);
    },
  };
}

/** A handler's calls with an observer beside them. */
export interface CallWatch {
  /** For calls that are made straight. */
  readonly around: NonNullable<CallOptions['around']>;
  /** In place of the router, for tRPC's own handler. */
  readonly router: AnyTRPCRouter;
  request: CallObserver['request'];
  /** A call of tRPC's own handler failed; the observer has heard of it if it failed while it was made. */
  fail(path: string | undefined, error: TRPCError): void;
  /** A call was turned away by its head. */
  refuse(path: string, reason: Reason): void;
}

export function watchCalls(router: AnyTRPCRouter, observer: CallObserver): CallWatch {
  const procedures = router._def.procedures as Readonly<Record<string, AnyTRPCProcedure>>; // As every router has them.
  const heard = new WeakSet<TRPCError>();

  function call<T>(path: string, run: () => Promise<T>): Promise<T> {
    return observer.call(path, run, (settled) => {
      if ('value' in settled) return 'ok';
      const error = getTRPCErrorFromUnknown(settled.error);
      heard.add(error);
      return outcomeOfError(error);
    });
  }

  function known(path: string | undefined): string {
    return path !== undefined && Object.hasOwn(procedures, path) ? path : unknownPath;
  }

  return {
    around: (path, run) => observer.call(path, run, outcomeOfResult),
    router: watchRouter(router, call),
    request: observer.request.bind(observer),
    fail(path, error) {
      if (!heard.has(error)) observer.refusal(known(path), outcomeOfError(error));
    },
    refuse: (path, reason) => observer.refusal(known(path), reason),
  };
}

/** The same router, each of whose procedures is heard of when tRPC calls it. */
function watchRouter(
  router: AnyTRPCRouter,
  call: <T>(path: string, run: () => Promise<T>) => Promise<T>,
): AnyTRPCRouter {
  // Procedures are functions, which their types keep to themselves.
  type Callable = (options: unknown) => Promise<unknown>;
  const watched = new Map<string, Callable>();

  function watch(path: string, procedure: Callable): Callable {
    let made = watched.get(path);
    if (!made) {
      made = new Proxy(procedure, {
        apply: (target, _self, [options]) => call(path, () => target(options)),
      });
      watched.set(path, made);
    }
    return made;
  }

  // A view of the record and not a copy: what is loaded later comes into it.
  const procedures = new Proxy(router._def.procedures as Readonly<Record<string, unknown>>, {
    get(target, path, receiver) {
      const found: unknown = Reflect.get(target, path, receiver);
      const isOwn = typeof path === 'string' && Object.hasOwn(target, path);
      return isOwn && typeof found === 'function' ? watch(path, found as Callable) : found;
    },
  });
  return { ...router, _def: { ...router._def, procedures } };
}

/** A route that is heard of as a call, under its path, where somebody listens. */
export function watchRoute(route: Route, observer: CallObserver | undefined): Route {
  if (!observer) return route;
  return {
    ...route,
    answer: (request) =>
      observer.request(request, () =>
        observer.call<Answer | null>(
          route.path,
          async () => route.answer(request),
          (settled) =>
            'value' in settled
              ? (settled.value?.reason ?? 'ok')
              : outcomeOfError(getTRPCErrorFromUnknown(settled.error)),
        ),
      ),
  };
}

function outcomeOfResult(
  settled: { readonly value: CallResult } | { readonly error: unknown },
): CallOutcome {
  if (!('value' in settled)) return outcomeOfError(getTRPCErrorFromUnknown(settled.error));
  return 'error' in settled.value ? outcomeOfError(settled.value.error) : 'ok';
}

function outcomeOfError(error: TRPCError): CallOutcome {
  return reasonOf(error) ?? 'other';
}
