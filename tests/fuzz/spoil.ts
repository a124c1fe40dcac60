import type { TokenForger } from '../../server/testing/index.ts';

/** What is spelt otherwise than any token of ours. */
const respellings = {
  changed: (token) => {
    const middle = Math.floor(token.length / 2);
    return `${token.slice(0, middle)}${token[middle] === 'A' ? 'B' : 'A'}${token.slice(middle + 1)}`;
  },
  cut: (token) => token.slice(0, -1),
  longer: (token) => `${token}A`,
  padded: (token) => `${token}=`,
  'upper case': (token) => token.toUpperCase(),
} as const satisfies Record<string, (token: string) => string>;

/** Signatures that are not ours. */
const forgeries = {
  unsigned: (forge, token) => forge.unsigned(token),
  'by a stranger': (forge, token) => forge.signedByStranger(token),
  confused: (forge, token) => forge.confused(token),
  tampered: (forge, token) => forge.tampered(token, { role: 'admin', ver: 99 }),
} as const satisfies Record<
  string,
  (forge: TokenForger, token: string) => string | Promise<string>
>;

/** Under a signature of ours, what we would not sign. */
const oddities = {
  'as admin': ({ role }) => ({ claims: { role: role === 'admin' ? 'user' : 'admin' } }),
  'of another user': ({ strangerId }) => ({ claims: { sub: strangerId } }),
  'of another version': ({ version }) => ({ claims: { ver: version + 1_000 } }),
  'for another audience': () => ({ claims: { aud: 'https://other.example' } }),
  'of another type': () => ({ header: { typ: 'JWT' } }),
  'not yet': ({ now }) => ({ claims: { iat: now + 100_000, exp: now + 100_900 } }),
  'for ever': () => ({ claims: { exp: 9_999_999_999 } }),
} as const satisfies Record<string, (token: SignedToken) => Parameters<TokenForger['resign']>[1]>;

/** What an oddity has to differ from. */
export interface SignedToken {
  readonly role: string;
  readonly version: number;
  /** The id of somebody else. */
  readonly strangerId: string;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** How a token is spoilt. Nothing that comes of it is ever to be accepted. */
export type Damage = keyof typeof respellings | keyof typeof forgeries | keyof typeof oddities;

// The keys of these tables are the names above.
export const damages = [respellings, forgeries, oddities].flatMap(Object.keys) as Damage[];

export interface SpoiltToken {
  readonly token: string;
  /** It has a signature of ours. */
  readonly isSigned: boolean;
}

/** @param signed `null` for what has no claims, which is spelt otherwise then */
export async function spoil(
  forge: TokenForger,
  { token, signed }: { readonly token: string; readonly signed: SignedToken | null },
  damage: Damage,
): Promise<SpoiltToken> {
  if (damage in respellings || !signed) {
    const respell = isOf(respellings, damage) ? respellings[damage] : respellings.changed;
    return { token: respell(token), isSigned: false };
  }
  if (isOf(forgeries, damage)) {
    return { token: await forgeries[damage](forge, token), isSigned: false };
  }
  const change = isOf(oddities, damage) ? oddities[damage](signed) : {};
  return { token: await forge.resign(token, change), isSigned: true };
}

function isOf<Table extends object>(table: Table, name: PropertyKey): name is keyof Table {
  return Object.hasOwn(table, name);
}
