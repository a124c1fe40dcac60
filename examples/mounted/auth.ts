import type { BuiltInRole, Latchkey, User } from 'latchkey/server';

/** Roles beside `user` and `admin`, and what each may do. An admin may do everything. */
export const roles = { editor: ['post:write'] } as const;

/** What an access token says beside who it is: here whose colleague. */
export function claimsOf({ email }: User<BuiltInRole | 'editor'>): { company: string } {
  return { company: email.slice(email.indexOf('@') + 1) };
}

/** What `createLatchkey({ roles, claims: claimsOf })` resolves to, and so does the test kit. */
export type AppLatchkey = Latchkey<
  BuiltInRole | 'editor',
  'post:write',
  ReturnType<typeof claimsOf>
>;
