import { LatchkeyError } from '../../../shared/latchkey-error.ts';
import { createRuntime } from '../../runtime.ts';
import type { Budget, LimitOverrides, Limits } from '../limits.ts';
import { openLimits } from '../open-limits.ts';

// A worker of node:cluster that does with its limits what its primary, the test, asks for.

export interface Request {
  readonly id: number;
  readonly question:
    | {
        readonly method: 'open';
        readonly number: number;
        readonly overrides: LimitOverrides;
        readonly salt: string;
        readonly now: number;
      }
    | { readonly method: 'setTime'; readonly now: number }
    | {
        readonly method: 'consume' | 'refund' | 'clear';
        readonly number: number;
        readonly budgets: readonly Budget[];
      };
}

export interface Reply {
  readonly id: number;
  readonly refusal: {
    readonly message: string;
    readonly retryAfterSeconds: number | undefined;
  } | null;
}

const opened = new Map<number, Limits>();

/** The library reads the process's own clock. */
function setTime(now: number): void {
  Object.assign(Date, { now: () => now });
}

async function answer(question: Request['question']): Promise<void> {
  if (question.method === 'setTime') {
    setTime(question.now);
    return;
  }
  if (question.method === 'open') {
    setTime(question.now);
    const limits = await openLimits({
      overrides: question.overrides,
      salt: Buffer.from(question.salt, 'hex'),
      hasPrimary: true,
      runtime: createRuntime(),
      onChange: ({ error }) => {
        throw error;
      },
      answerWithinMs: 8_000,
    });
    opened.set(question.number, limits);
    return;
  }
  await opened.get(question.number)?.[question.method](question.budgets);
}

process.on('message', (request: Partial<Request>) => {
  // Others talk on this channel as well.
  if (request.id === undefined || request.question === undefined) return;
  const { id } = request;
  const reply = (refusal: Reply['refusal']) => process.send?.({ id, refusal } satisfies Reply);
  answer(request.question).then(
    () => reply(null),
    (error: unknown) => {
      const known = error instanceof LatchkeyError ? error : undefined;
      reply({ message: String(error), retryAfterSeconds: known?.retryAfterSeconds });
    },
  );
});
