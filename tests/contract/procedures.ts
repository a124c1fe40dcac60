/** Who may call a procedure. */
export type Access = 'public' | 'protected' | 'admin';

/** A row of the contract's table of procedures. */
export interface ProcedureRow {
  readonly path: string;
  readonly kind: 'query' | 'mutation';
  readonly access: Access;
}

/** Every procedure there is: a new one fails the tests until it stands here. */
export const procedures: readonly ProcedureRow[] = [
  { path: 'auth.register', kind: 'mutation', access: 'public' },
  { path: 'auth.login', kind: 'mutation', access: 'public' },
  { path: 'auth.refresh', kind: 'mutation', access: 'public' },
  { path: 'auth.logout', kind: 'mutation', access: 'public' },
  { path: 'user.me', kind: 'query', access: 'protected' },
  { path: 'user.update', kind: 'mutation', access: 'protected' },
  { path: 'user.changePassword', kind: 'mutation', access: 'protected' },
  { path: 'user.delete', kind: 'mutation', access: 'protected' },
  { path: 'session.list', kind: 'query', access: 'protected' },
  { path: 'session.revoke', kind: 'mutation', access: 'protected' },
  { path: 'session.revokeOthers', kind: 'mutation', access: 'protected' },
  { path: 'session.revokeAll', kind: 'mutation', access: 'protected' },
  { path: 'admin.listUsers', kind: 'query', access: 'admin' },
  { path: 'admin.getUser', kind: 'query', access: 'admin' },
  { path: 'admin.setRole', kind: 'mutation', access: 'admin' },
  { path: 'admin.disableUser', kind: 'mutation', access: 'admin' },
  { path: 'admin.enableUser', kind: 'mutation', access: 'admin' },
  { path: 'admin.listSessions', kind: 'query', access: 'admin' },
  { path: 'admin.revokeSession', kind: 'mutation', access: 'admin' },
  { path: 'admin.revokeSessions', kind: 'mutation', access: 'admin' },
  { path: 'admin.listAuditEvents', kind: 'query', access: 'admin' },
  { path: 'admin.figures', kind: 'query', access: 'admin' },
  { path: 'admin.listKeys', kind: 'query', access: 'admin' },
  { path: 'admin.rotateKeys', kind: 'mutation', access: 'admin' },
];
