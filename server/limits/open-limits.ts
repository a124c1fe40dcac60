import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Runtime } from '../runtime.ts';
import { createCircuit, type Circuit } from './circuit.ts';
import { createClusterCounter } from './cluster-limits.ts';
import { toCounter, type CreateCounter } from './counter.ts';
import { insureCounter } from './insured-counter.ts';
import { createLimits, createMemoryLimits, type LimitOverrides, type Limits } from './limits.ts';
import { openRedis } from './open-redis.ts';
import { openPostgresCounters, type Pool } from './postgres-counters.ts';

/** Where processes count together. */
export type SharedPlace = 'Redis' | 'PostgreSQL' | 'the primary process';

/** It stopped answering, or answers again. */
export interface SharingChange {
  readonly place: SharedPlace;
  readonly isAnswering: boolean;
  readonly error?: unknown;
}

export interface OpenedLimits extends Limits {
  close(): void;
}

/**
 * Opens the limits that all processes share: in Redis if there is one, else in PostgreSQL, else in
 * the primary process of workers. Alone, a process counts by itself.
 *
 * @throws ConfigurationError when Redis cannot be used as it is configured
 */
export async function openLimits(options: {
  readonly overrides: LimitOverrides;
  /** The same in all processes. */
  readonly salt: Uint8Array;
  readonly redis?: string | undefined;
  readonly pool?: Pool | null;
  /** Whether this is a worker whose primary counts for all of them. */
  readonly hasPrimary?: boolean;
  readonly runtime: Runtime;
  readonly onChange: (change: SharingChange) => void;
  /** @internal So long one call waits for a place that does not answer. */
  readonly answerWithinMs?: number;
}): Promise<OpenedLimits> {
  const { overrides, salt, redis: url, pool, hasPrimary = false, runtime, onChange } = options;
  const { answerWithinMs = 250 } = options;
  const circuitOf = (place: SharedPlace): Circuit =>
    createCircuit(answerWithinMs, (isAnswering, error) => onChange({ place, isAnswering, error }));

  if (url !== undefined) {
    const redis = await openRedis(url, runtime);
    const circuit = circuitOf('Redis');
    // What is wrong is said at the start, and not at the first sign-in.
    await circuit.ask(() => redis.ping(), true);
    const createCounter: CreateCounter = ({ name, calls, seconds }) =>
      toCounter(
        new RateLimiterRedis({
          storeClient: redis.commands,
          useRedisPackage: true,
          keyPrefix: name,
          points: calls,
          duration: seconds,
        }),
      );
    const limits = createLimits(overrides, salt, insureWith(createCounter, circuit));
    return { ...limits, close: () => redis.close() };
  }
  if (pool) {
    const { createCounter, close } = openPostgresCounters(pool, runtime);
    const circuit = circuitOf('PostgreSQL');
    return { ...createLimits(overrides, salt, insureWith(createCounter, circuit)), close };
  }
  if (hasPrimary) {
    const circuit = circuitOf('the primary process');
    const limits = createLimits(overrides, salt, insureWith(createClusterCounter, circuit));
    return { ...limits, close() {} };
  }
  return { ...createMemoryLimits(overrides, runtime), close() {} };
}

function insureWith(createShared: CreateCounter, circuit: Circuit): CreateCounter {
  return (options) => {
    const name = `latchkey:limits:${options.name}`;
    const shared = createShared({ ...options, name });
    const removals = createShared({ ...options, name: `${name}:removed`, calls: 1 });
    return insureCounter({ shared, removals }, options, circuit);
  };
}
