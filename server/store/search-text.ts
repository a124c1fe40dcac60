import type { UserRecord } from '../../shared/records.ts';

/** What a user is searched by: databases fold as they please, so it is folded before it is written. */
export function searchTextOf({ email, username, name }: UserRecord): string {
  return foldForSearch([email, username ?? '', name ?? ''].join('\n'));
}

/** Lower case alone would keep apart what is one letter: σ and ς, ß and ss. */
export function foldForSearch(written: string): string {
  return written.normalize('NFC').toLowerCase().toUpperCase().normalize('NFC');
}
