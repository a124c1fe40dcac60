import { randomBytes } from 'node:crypto';
import { createDatabase, createDatabaseNow, deleteRows, urlOf } from './databases.ts';
import { runPrefix, templateOf } from './run.ts';

/** A database of PostgreSQL in the place of a file. */
export interface StandIn {
  readonly url: string;
  readonly secret: string;
  readonly isMade: Promise<void>;
  /** Others than a kit may have changed it, its tables too: nobody else gets it. */
  isStrange: boolean;
  /** Nobody uses it any more. */
  putBack(): Promise<void>;
}

/** To empty a database takes a millisecond, to make or drop one up to a second. */
const empty: string[] = [];
let made = 0;

/** With every migration, and nothing in it. */
export function openStandIn(server: string): StandIn {
  const known = empty.pop();
  if (known !== undefined) return describeStandIn(known, Promise.resolve());
  const name = nextName();
  return describeStandIn(urlOf(server, name), createDatabase(server, name, templateOf()));
}

/** With nothing at all, where nothing can be waited for. */
export function makeNow(server: string): StandIn {
  const name = nextName();
  createDatabaseNow(server, name);
  return describeStandIn(urlOf(server, name), Promise.resolve());
}

/** It goes with the run. */
function nextName(): string {
  made += 1;
  return `${runPrefix()}${process.pid}_${made}`;
}

function describeStandIn(url: string, isMade: Promise<void>): StandIn {
  return {
    url,
    isMade,
    secret: randomBytes(32).toString('base64url'),
    isStrange: false,
    async putBack() {
      if (this.isStrange) return;
      await deleteRows(url);
      empty.push(url);
    },
  };
}
