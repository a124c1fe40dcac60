import type {
  AuditRecord,
  AuditHead,
  AuditLink,
  CredentialRecord,
  Origin,
  SessionRecord,
  SigningKeyRecord,
  UserRecord,
} from '../../shared/records.ts';
import type { UserStatus } from '../../shared/schemas.ts';

/** How the audit log is tied together; each record is one link further. */
export interface AuditLinking {
  append(head: AuditHead | null, event: AuditRecord): AuditHead;
  cut(head: AuditHead, last: AuditLink): AuditHead;
}

/**
 * Where the truth is kept. Each method is one transaction: what it checks and
 * what it changes happen together or not at all, and when its promise resolves
 * the change is durable.
 *
 * A store that cannot answer now (locked, full, read-only, gone) rejects with
 * the reason `overloaded`; nothing has changed then, unless the answer to a commit was
 * lost on its way from another machine.
 */
export interface Store {
  /** Adds a user and, if given, the session that the user starts with. */
  createUser(command: CreateUser): Promise<CreateUserOutcome>;
  findUser(userId: string): Promise<UserRecord | null>;
  findCredential(key: CredentialKey): Promise<CredentialRecord | null>;
  /** Newest first. */
  listUsers(query: UserQuery): Promise<UserRecord[]>;
  updateProfile(command: UpdateProfile): Promise<UserRecord | 'not_found' | 'username_taken'>;
  /** Puts a newer hash of the same password, unless the password has changed meanwhile. */
  upgradePasswordHash(command: { userId: string; from: string; to: string }): Promise<void>;
  /**
   * Changes the password, revokes every other session and gives the one that
   * asked a new token key, so that no refresh token issued before works again.
   */
  changePassword(command: ChangePassword): Promise<'changed' | 'outdated'>;
  setRole(command: SetRole): Promise<UserRecord | 'not_found' | 'last_admin'>;
  /** Disabling revokes every session of the user. */
  setStatus(command: SetStatus): Promise<UserRecord | 'not_found' | 'last_admin'>;
  /** Deletes the user and ends the sessions; `outdated` when the password is no longer that one. */
  deleteUser(command: DeleteUser): Promise<'deleted' | 'outdated' | 'last_admin'>;

  /**
   * Starts a session for a user whose password has just been verified, unless
   * the account was disabled, deleted or given another password meanwhile.
   * Ends the oldest sessions beyond the cap.
   */
  startSession(command: StartSession): Promise<UserRecord | null>;
  findSession(sessionId: string): Promise<SessionWithUser | null>;
  /**
   * What `findSession` would find, where that is known without looking; `undefined` where it is not.
   * Never what this process has changed since; nor another one, a second ago or longer.
   */
  recallSession(sessionId: string): SessionWithUser | undefined;
  /** The addresses from which a user was signed in lately, newest session first. */
  listAddresses(userId: string): Promise<string[]>;
  /** The sessions of a user that have not ended, newest first. */
  listSessions(userId: string, now: number): Promise<SessionRecord[]>;
  /** Decides a refresh. The tag of the presented token has been verified before. */
  rotateSession(command: RotateSession): Promise<RotateOutcome>;
  /** Revokes the sessions meant that have not ended yet and says how many those were. */
  revokeSessions(command: RevokeSessions): Promise<number>;
  /** Deletes up to `limit` sessions whose lifetime ended before `before`; says how many. */
  pruneSessions(command: { before: number; limit: number }): Promise<number>;

  listSigningKeys(): Promise<SigningKeyRecord[]>;
  /**
   * Puts the keys of the ring in place of those in service, which retire.
   * `false` and no change when `expectedActiveId` is not the active key any more.
   */
  replaceSigningKeys(command: ReplaceSigningKeys): Promise<boolean>;
  /** Deletes keys that retired before `before`. */
  pruneSigningKeys(before: number): Promise<void>;

  recordAuditEvent(event: AuditRecord): Promise<void>;
  findAuditHead(): Promise<AuditHead | null>;
  /** In the order in which they were recorded, those after that number. */
  listAuditLinks(query: {
    readonly after: number;
    readonly limit: number;
  }): Promise<(AuditLink & { readonly event: AuditRecord })[]>;
  /** Takes out up to `limit` of the oldest events from before `before`; says how many. */
  pruneAuditEvents(command: { before: number; limit: number }): Promise<number>;
  /** Newest first. */
  listAuditEvents(query: AuditQuery): Promise<AuditRecord[]>;

  // Counts go through all there is, so that each is many transactions and holds nobody up:
  // what changes meanwhile may be in it or not.
  countUsers(): Promise<number>;
  /** The sessions that are live where the steps end, and in each step those that started and ended. */
  countSessions(steps: Steps): Promise<SessionCounts>;
  /** In each step the events of these types; one that stands for others `leftOut` counts as them. */
  countEvents(query: Steps & { readonly types: readonly string[] }): Promise<number[]>;

  /** Resolves when the store can be read. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export type CredentialKey =
  | { readonly email: string }
  | { readonly username: string }
  | { readonly userId: string };

export interface SessionWithUser {
  readonly session: SessionRecord;
  /** `null` once the user is deleted. */
  readonly user: UserRecord | null;
}

export interface CreateUser {
  readonly user: UserRecord;
  readonly passwordHash: string;
  readonly session: SessionRecord | null;
  readonly replaced?: ReplacedSession | null | undefined;
  readonly event: AuditRecord;
  /** Only when no active admin exists; for the first admin. */
  readonly onlyWithoutAdmin?: boolean;
}
export type CreateUserOutcome = 'created' | 'email_taken' | 'username_taken' | 'admin_exists';

export interface UserQuery {
  /** Stands anywhere in e-mail address, username or name, whatever the case. */
  readonly search?: string | undefined;
  readonly role?: string | undefined;
  readonly status?: UserStatus | undefined;
  readonly limit: number;
  /** Only users older than this one. */
  readonly cursor?: string | undefined;
}

interface Change {
  readonly userId: string;
  readonly at: number;
  readonly event: AuditRecord;
}

export interface UpdateProfile extends Change {
  readonly name?: string | null | undefined;
  readonly username?: string | null | undefined;
}

export interface ChangePassword extends Change {
  readonly from: string;
  readonly to: string;
  readonly sessionId: string;
  readonly sealedTokenKey: Uint8Array;
}

export interface SetRole extends Change {
  readonly role: string;
}

export interface SetStatus extends Change {
  readonly status: UserStatus;
}

export interface DeleteUser extends Change {
  readonly passwordHash: string;
}

export interface StartSession {
  readonly session: SessionRecord & { readonly userId: string };
  /** The hash that the password was verified against, or what replaced it. */
  readonly passwordHash: string;
  readonly maxSessions: number;
  readonly replaced?: ReplacedSession | null | undefined;
  readonly event: AuditRecord;
}

/** A session that ends when another one starts in its place. */
export interface ReplacedSession {
  readonly sessionId: string;
  /** Recorded, before that of the start, if it had not ended yet. */
  event(): AuditRecord;
}

export interface RotateSession {
  readonly sessionId: string;
  /** The counter of the presented token. */
  readonly counter: number;
  /** The key that the tag was verified with; another one since means another password. */
  readonly sealedTokenKey: Uint8Array;
  readonly now: number;
  readonly graceMs: number;
  readonly origin: Origin;
  /** Recorded if the token was reused. */
  readonly reuseEvent: AuditRecord;
}

export type RotateOutcome =
  /** The presented token was the live one: its successor is. */
  | { readonly kind: 'rotated'; readonly session: SessionRecord; readonly user: UserRecord }
  /** It was the parent of the live one, inside the grace: the answer is the same again. */
  | { readonly kind: 'repeated'; readonly session: SessionRecord; readonly user: UserRecord }
  | { readonly kind: 'reused' | 'revoked' | 'expired' | 'unknown' };

export interface RevokeSessions {
  readonly which:
    | { readonly sessionId: string; readonly ofUserId?: string }
    | { readonly userId: string; readonly exceptSessionId?: string };
  readonly at: number;
  /** Recorded when at least one session ended. */
  readonly event: (revoked: number) => AuditRecord;
}

export interface ReplaceSigningKeys {
  readonly expectedActiveId: string | null;
  readonly active: SigningKeyRecord;
  readonly next: SigningKeyRecord;
  readonly at: number;
  readonly event: AuditRecord;
}

/** Equal steps of time, oldest first. Each begins after its first millisecond and ends with its last. */
export interface Steps {
  readonly since: number;
  readonly stepMs: number;
  readonly count: number;
}

export interface SessionCounts {
  readonly live: number;
  readonly started: readonly number[];
  readonly ended: readonly number[];
}

export interface AuditQuery {
  readonly userId?: string | undefined;
  readonly type?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}
