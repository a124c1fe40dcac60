import type { CopiedTable, Row } from './copied-tables.ts';
import type { Mark, Side } from './side.ts';

/** The mark of a table before and behind some rows. */
export interface MovedMark {
  readonly from: Mark;
  readonly to: Mark;
}

/** The database that a copy goes into. */
export interface CopyTarget extends Side {
  /** How far a copy into it has come; from the start where it is empty. */
  begin(): Promise<ReadonlyMap<CopiedTable, Mark>>;
  /** Adds rows and moves the mark of their table, both or neither. */
  write(table: CopiedTable, rows: readonly Row[], mark: MovedMark): Promise<void>;
  /** Lets nobody write while it is looked at; if that is well, the copy is at its end. */
  finish(look: () => Promise<void>): Promise<void>;
}
