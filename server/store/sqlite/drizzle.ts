import { createRequire } from 'node:module';
import type * as core from 'drizzle-orm';
import type * as driver from 'drizzle-orm/better-sqlite3';
import type * as migrator from 'drizzle-orm/migrator';
import type * as sqliteCore from 'drizzle-orm/sqlite-core';

// The one door of drizzle, and through `require`: for each module that is imported, Node parses
// the `exports` of its package again, and drizzle's are 179 kB of JSON. To import these four
// takes 830 ms and 207 MB that stay, to require them 170 ms and 24 MB (Node 24.21, drizzle-orm
// 0.45.4). The types are the same either way.
const require = createRequire(import.meta.url);

export const {
  and,
  desc,
  DrizzleQueryError,
  eq,
  exists,
  getTableColumns,
  getTableName,
  gt,
  gte,
  inArray,
  isNull,
  lt,
  lte,
  ne,
  sql,
} = require('drizzle-orm') as typeof core;
export const { blob, index, integer, sqliteTable, text, uniqueIndex } =
  require('drizzle-orm/sqlite-core') as typeof sqliteCore;
export const { drizzle } = require('drizzle-orm/better-sqlite3') as typeof driver;
export const { readMigrationFiles } = require('drizzle-orm/migrator') as typeof migrator;
