/** What to do about a code of SQLite, or of the system that opens the file. */
export const sqliteExplanations: Readonly<Record<string, string>> = {
  SQLITE_BUSY:
    'another process holds a lock on the database. Stop that process, or wait until it is done',
  SQLITE_CANTOPEN: 'the file cannot be opened. Check that its folder exists and may be written to',
  SQLITE_CORRUPT: 'the database is damaged. Restore it from a backup',
  SQLITE_ERROR: 'the database has other tables than Latchkey makes. Name another file',
  SQLITE_FULL: 'the disk is full. Free some space',
  SQLITE_IOERR: 'the file cannot be read or written. Check the disk',
  SQLITE_NOTADB: 'the file is not a SQLite database. Name another file, or restore a backup',
  SQLITE_READONLY: 'the database may only be read. Give this user the right to write to it',
  EACCES: 'this user may not open the file. Give it the right to, or name another file',
  EEXIST: 'a part of the path is not a folder. Name another file',
  EISDIR: 'this is a folder. Name a file',
  ENOSPC: 'the disk is full. Free some space',
  ENOTDIR: 'a part of the path is not a folder. Name another file',
  EPERM: 'the file belongs to another user. Run as that user, or change the owner',
  EROFS: 'the file system may only be read. Name a file on another one',
};
