import {
  refresh,
  refusals,
  signedInOf,
  type Answer,
  type Api,
  type SignedIn,
} from '../contract/api.ts';

/** Somebody with two sessions; the first is the one that is being refreshed. */
export interface Scene {
  readonly api: Api;
  readonly own: SignedIn;
  readonly other: SignedIn;
  readonly password: string;
  readonly adminToken: string;
}

/** A way to end what a session may do. */
export interface Ending {
  readonly name: string;
  end(scene: Scene): Promise<Answer>;
  /** What must not be good for anything any more. */
  readonly dead: readonly ('access' | 'access of the old role' | 'refresh')[];
  /** The other session ends as well. */
  readonly endsOther: boolean;
  /** What a refresh is told that comes after it; `null` when it is let through. */
  readonly refusal: string | null;
  /** Who stays signed in, to be told by the answer. */
  survivor(scene: Scene, answer: Answer): SignedIn | null;
}

const both = ['access', 'refresh'] as const;
export const newPassword = 'another battery, another staple';

export const endings: readonly Ending[] = [
  {
    name: 'logout by refresh token',
    dead: both,
    endsOther: false,
    refusal: refusals.sessionRevoked,
    end: ({ api, own }) => api.mutate('auth.logout', { input: { refreshToken: own.refreshToken } }),
    survivor: ({ other }) => other,
  },
  {
    name: 'logout by access token',
    dead: both,
    endsOther: false,
    refusal: refusals.sessionRevoked,
    end: ({ api, own }) => api.mutate('auth.logout', { token: own.accessToken }),
    survivor: ({ other }) => other,
  },
  {
    name: 'revocation of the other sessions',
    dead: both,
    endsOther: false,
    refusal: refusals.sessionRevoked,
    end: ({ api, other }) => api.mutate('session.revokeOthers', { token: other.accessToken }),
    survivor: ({ other }) => other,
  },
  {
    name: 'revocation by an admin',
    dead: both,
    endsOther: true,
    refusal: refusals.sessionRevoked,
    end: ({ api, own, adminToken }) =>
      api.mutate('admin.revokeSessions', { token: adminToken, input: { userId: own.user.id } }),
    survivor: () => null,
  },
  {
    name: 'disabling',
    dead: both,
    endsOther: true,
    refusal: refusals.sessionRevoked,
    end: ({ api, own, adminToken }) =>
      api.mutate('admin.disableUser', { token: adminToken, input: { userId: own.user.id } }),
    survivor: () => null,
  },
  {
    name: 'a change of the role',
    dead: ['access of the old role'],
    endsOther: false,
    refusal: null,
    end: ({ api, own, adminToken }) =>
      api.mutate('admin.setRole', {
        token: adminToken,
        input: { userId: own.user.id, role: 'admin' },
      }),
    survivor: ({ own }) => own,
  },
  {
    name: 'a change of the password in another session',
    dead: both,
    endsOther: false,
    refusal: refusals.sessionRevoked,
    end: ({ api, other, password }) =>
      api.mutate('user.changePassword', {
        token: other.accessToken,
        input: { currentPassword: password, newPassword },
      }),
    survivor: (_scene, answer) => signedInOf(answer),
  },
  {
    name: 'a change of the password in the same session',
    dead: ['refresh'],
    endsOther: true,
    refusal: refusals.tokenInvalid,
    end: ({ api, own, password }) =>
      api.mutate('user.changePassword', {
        token: own.accessToken,
        input: { currentPassword: password, newPassword },
      }),
    survivor: (_scene, answer) => signedInOf(answer),
  },
  {
    name: 'deletion',
    dead: both,
    endsOther: true,
    refusal: refusals.sessionRevoked,
    end: ({ api, own, password }) =>
      api.mutate('user.delete', { token: own.accessToken, input: { password } }),
    survivor: () => null,
  },
];

/** A token that still does what it must not do, in words. */
export async function findLife(
  { dead }: Pick<Ending, 'dead'>,
  tokens: { readonly accessTokens: readonly string[]; readonly refreshTokens: readonly string[] },
  apis: readonly Api[],
): Promise<string | null> {
  for (const api of apis) {
    for (const token of tokens.accessTokens) {
      const isOfOldRole = dead.includes('access of the old role') && roleOf(token) === 'user';
      if (!dead.includes('access') && !isOfOldRole) continue;
      const me = await api.query('user.me', { token });
      if (me.status === 200) return `an access token is alive: ${me.text}`;
    }
    // The newest first: an older one would be a reuse, and end the session itself.
    for (const token of dead.includes('refresh') ? tokens.refreshTokens.toReversed() : []) {
      const refreshed = await refresh(api, token);
      if (refreshed.status === 200) return 'a refresh token is alive';
    }
  }
  return null;
}

function roleOf(accessToken: string): unknown {
  const claims = Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString();
  return (JSON.parse(claims) as { role?: unknown }).role;
}
