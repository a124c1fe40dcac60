import type { Reason } from '../../shared/reasons.ts';
import type { AuditRecord } from '../../shared/records.ts';
import type { Runtime } from '../runtime.ts';
import { createAuditEvent, type Actor, type AuditEventType } from './audit-event.ts';

/** Refusals that may be somebody's try to get around a control. The others are events of their own, or none. */
const typeOf: Readonly<Partial<Record<Reason, AuditEventType>>> = {
  forbidden: 'access.refused',
  rate_limited: 'limit.reached',
  token_invalid: 'token.refused',
  invalid_input: 'input.refused',
};

/** How many events of a type a minute may have, whoever causes them. */
const eventsPerMinute = 20;
const minuteMs = 60_000;

const nobody: Actor = { userId: null, sessionId: null, ip: null, userAgent: null };

export interface Refusal {
  readonly reason: Reason;
  /** The procedure that was called. */
  readonly path: string;
  readonly actor: Actor;
  /** Who counts as one: the account, or the network of a stranger. */
  readonly source: string;
}

/**
 * Security events of refused calls, in samples: of each type the first of a source at a
 * procedure in a minute, up to a bound, and then how many were left out. So a flood is seen,
 * and neither fills the disk nor keeps the database from its work.
 */
export interface RefusalLog {
  /** Returns at once. An event that cannot be written is one that was left out. */
  note(refusal: Refusal): void;
  /** Writes down what was left out, and resolves when all is written that can be. */
  close(): Promise<void>;
}

interface Minute {
  startedAt: number;
  readonly seen: Set<string>;
  leftOut: number;
}

/** @param record keeps an event */
export function createRefusalLog(
  runtime: Runtime,
  record: (event: AuditRecord) => Promise<void>,
): RefusalLog {
  const minutes = new Map<AuditEventType, Minute>();
  const pending = new Set<Promise<void>>();

  /** In a later turn of the event loop, so that no answer waits for it. */
  function write(minute: Minute, event: AuditRecord, refusals: number): void {
    const writing = runtime
      .delay(0)
      .then(() => record(event))
      .catch(() => {
        minute.leftOut += refusals;
      })
      .finally(() => pending.delete(writing));
    pending.add(writing);
  }

  function end(type: AuditEventType, minute: Minute): void {
    const { leftOut } = minute;
    minute.startedAt = runtime.now();
    minute.seen.clear();
    minute.leftOut = 0;
    if (leftOut === 0) return;
    const event = createAuditEvent(runtime, type, { actor: nobody, detail: { leftOut } });
    write(minute, event, leftOut);
  }

  function endAll(): void {
    for (const [type, minute] of minutes) end(type, minute);
  }

  const stop = runtime.every(minuteMs, endAll);

  return {
    note({ reason, path, actor, source }) {
      const type = typeOf[reason];
      if (type === undefined) return;
      const now = runtime.now();
      const minute = minutes.get(type) ?? { startedAt: now, seen: new Set(), leftOut: 0 };
      minutes.set(type, minute);
      // Both ways round: a clock that is set back must not silence anything.
      if (Math.abs(now - minute.startedAt) >= minuteMs) end(type, minute);
      const attempt = `${source} ${path}`;
      if (minute.seen.size >= eventsPerMinute || minute.seen.has(attempt)) {
        minute.leftOut += 1;
        return;
      }
      minute.seen.add(attempt);
      write(minute, createAuditEvent(runtime, type, { actor, detail: { path } }), 1);
    },

    async close() {
      stop();
      endAll();
      await Promise.all(pending);
    },
  };
}
