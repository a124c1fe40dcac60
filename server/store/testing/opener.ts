import Database from 'better-sqlite3';
import { ConfigurationError } from '../../config/configuration-error.ts';
import { createRuntime } from '../../runtime.ts';
import { openDatabase } from '../sqlite/open-database.ts';

/** What the process of this file is told: to open a database and close it again. */
export interface OpenerCall {
  readonly path: string;
  /** Die (SIGKILL) instead of running this statement of the migrations, the first being 1. */
  readonly dieAt?: number;
  /** Open it as a user who owns nothing, where this process is root. */
  readonly asNobody?: boolean;
}
/** What it answers. */
export type OpenerAnswer =
  | { readonly created: boolean; readonly migrationsApplied: number }
  | { readonly error: string; readonly problems: readonly string[] };

const nobody = 65_534;

async function openAndClose({ path, dieAt, asNobody }: OpenerCall): Promise<OpenerAnswer> {
  if (asNobody === true && process.getuid?.() === 0) process.setuid?.(nobody);
  let statements = 0;
  const { exec } = Database.prototype;
  Database.prototype.exec = function (sql) {
    statements += 1;
    if (statements === dieAt) process.kill(process.pid, 'SIGKILL');
    return exec.call(this, sql);
  };
  try {
    const { database, created, migrationsApplied } = await openDatabase(path, createRuntime());
    database.close();
    return { created, migrationsApplied };
  } catch (error) {
    const problems = error instanceof ConfigurationError ? error.problems : [];
    return { error: String(error), problems };
  } finally {
    Database.prototype.exec = exec;
  }
}

process.on('message', (call: OpenerCall) => {
  void openAndClose(call).then((answer) => process.send?.(answer));
});
