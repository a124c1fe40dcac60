import { createRequire } from 'node:module';
import type * as core from 'drizzle-orm';
import type * as migrator from 'drizzle-orm/migrator';
import type * as driver from 'drizzle-orm/node-postgres';
import type * as pgCore from 'drizzle-orm/pg-core';
import type * as pg from 'pg';

// The one door of drizzle and pg, and through `require`, for the reason that `sqlite/drizzle.ts`
// gives. Loaded only where a setting names PostgreSQL: `pg` is an optional peer.
const require = createRequire(import.meta.url);

export const { and, desc, eq, gt, gte, inArray, isNull, lt, lte, ne, sql } =
  require('drizzle-orm') as typeof core;
export const {
  bigint,
  boolean,
  customType,
  index,
  integer,
  pgTable,
  unique,
  uniqueIndex,
  varchar,
} = require('drizzle-orm/pg-core') as typeof pgCore;
export const { drizzle } = require('drizzle-orm/node-postgres') as typeof driver;
export const { readMigrationFiles } = require('drizzle-orm/migrator') as typeof migrator;
export const { Client, Pool } = require('pg') as typeof pg;
