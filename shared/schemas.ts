import { z } from 'zod';
import { LatchkeyError, type InputIssue } from './latchkey-error.ts';

/**
 * Every input and output of the contract. Types are inferred from the schemas;
 * on the wire a time is an ISO 8601 string in UTC and a duration is in seconds.
 */

/** The roles that are always there. A host application may declare more. */
export const builtInRoles = ['user', 'admin'] as const;
export type BuiltInRole = (typeof builtInRoles)[number];

/** Input strings are refused whole when they cannot be stored and compared faithfully. */
function isFaithful(value: string): boolean {
  return value.isWellFormed() && !value.includes('\0');
}

const faithfulString = z
  .string()
  .refine(isFaithful, 'NUL characters and unpaired surrogates are not allowed');

/** E-mail address, ASCII, at most 254 characters (RFC 5321 §4.5.3.1.3), folded to lower case. */
export const emailSchema = z
  .string()
  .trim()
  .max(254)
  .pipe(z.email().toLowerCase())
  .meta({ format: 'email', examples: ['ada@example.com'] });

/** 2 to 32 of `a-z 0-9 . _ -`, beginning with a letter or digit, folded to lower case. */
export const usernameSchema = z
  .string()
  .max(32)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]+$/)
  .toLowerCase()
  .meta({ description: '2 to 32 characters.', examples: ['ada'] });

/** Display name: 1 to 100 characters, no control or direction-changing characters. */
export const nameSchema = faithfulString
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]*$/u)
  .normalize('NFC')
  .meta({ description: 'Display name.', examples: ['Ada Lovelace'] });

/**
 * A password as typed: every character counts, spaces too; normalised to NFC.
 * How long and how strong a new one must be is decided by the password policy.
 */
export const passwordSchema = faithfulString
  .min(1)
  .max(1024)
  .normalize('NFC')
  .meta({ format: 'password', examples: ['correct horse battery'] });

const idSchema = z
  .uuid()
  .toLowerCase()
  .meta({ examples: ['0199f3a2-7c1e-7b6a-9d2f-3e5c8a1b4d60'] });
const timeSchema = z.iso.datetime();
const refreshTokenSchema = z.string().min(1).max(512);

/** `auth.register` */
export const registerInput = z.strictObject({
  email: emailSchema,
  password: passwordSchema,
  username: usernameSchema.optional(),
  name: nameSchema.optional(),
});
export type RegisterInput = z.infer<typeof registerInput>;

/** `auth.login`: by e-mail address or by username. */
export const loginInput = z.union([
  z.strictObject({ email: emailSchema, password: passwordSchema }),
  z.strictObject({ username: usernameSchema, password: passwordSchema }),
]);
export type LoginInput = z.infer<typeof loginInput>;

/** `auth.refresh`: the token is absent in cookie mode. */
export const refreshInput = z.strictObject({ refreshToken: refreshTokenSchema.optional() });
export type RefreshInput = z.infer<typeof refreshInput>;

/** `auth.logout`: by refresh token, else by bearer token, else by cookie. */
export const logoutInput = z
  .strictObject({ refreshToken: refreshTokenSchema.optional() })
  .optional();
export type LogoutInput = z.infer<typeof logoutInput>;

/** `user.update`: what is absent stays; `null` clears. */
export const updateUserInput = z.strictObject({
  name: nameSchema.nullable().optional(),
  username: usernameSchema.nullable().optional(),
});
export type UpdateUserInput = z.infer<typeof updateUserInput>;

/** `user.changePassword` */
export const changePasswordInput = z.strictObject({
  currentPassword: passwordSchema,
  newPassword: passwordSchema,
});
export type ChangePasswordInput = z.infer<typeof changePasswordInput>;

/** `user.delete` */
export const deleteUserInput = z.strictObject({ password: passwordSchema });
export type DeleteUserInput = z.infer<typeof deleteUserInput>;

/** `session.revoke` */
export const revokeSessionInput = z.strictObject({ sessionId: idSchema });
export type RevokeSessionInput = z.infer<typeof revokeSessionInput>;

/** `admin.getUser`, `admin.disableUser`, `admin.enableUser`, `admin.listSessions`, `admin.revokeSessions` */
export const userIdInput = z.strictObject({ userId: idSchema });
export type UserIdInput = z.infer<typeof userIdInput>;

/** `admin.revokeSession` */
export const revokeUserSessionInput = z.strictObject({ userId: idSchema, sessionId: idSchema });
export type RevokeUserSessionInput = z.infer<typeof revokeUserSessionInput>;

/** `admin.figures`: of the last so many hours, 1 to 24. */
export const figuresInput = z
  .strictObject({ hours: z.int().min(1).max(24).default(24) })
  .prefault({});
export type FiguresInput = z.infer<typeof figuresInput>;

export const userStatuses = ['active', 'disabled'] as const;
export type UserStatus = (typeof userStatuses)[number];

/** Page size: 1 to 100, 50 by default. */
const limitSchema = z.int().min(1).max(100).default(50);
/** Keyset cursor: the id of the last row of the page before. */
const cursorSchema = idSchema.optional().meta({ description: '`nextCursor` of the page before.' });
/** Sent by tRPC's infinite queries with every page; pages lead one way. */
const directionSchema = z.literal('forward').optional();

/** `admin.listAuditEvents`: newest first. */
export const listAuditEventsInput = z
  .strictObject({
    userId: idSchema.optional(),
    type: z
      .string()
      .max(64)
      .regex(/^[a-z_.]+$/)
      .optional(),
    limit: limitSchema,
    cursor: cursorSchema,
    direction: directionSchema,
  })
  .prefault({});
export type ListAuditEventsInput = z.infer<typeof listAuditEventsInput>;

/** A user as everybody allowed to see one sees it. */
export interface User<Role extends string = BuiltInRole> {
  id: string;
  email: string;
  emailVerified: boolean;
  username: string | null;
  name: string | null;
  role: Role;
  status: UserStatus;
  createdAt: string;
  updatedAt: string;
}

/** What a successful sign-in, registration or refresh answers. */
export interface AuthResult<Role extends string = BuiltInRole> {
  accessToken: string;
  tokenType: 'Bearer';
  /** Seconds until the access token expires. */
  expiresIn: number;
  /** `null` in cookie mode, where it travels in the cookie alone. */
  refreshToken: string | null;
  user: User<Role>;
}

export const sessionSchema = z
  .object({
    id: z.string(),
    createdAt: timeSchema,
    lastSeenAt: timeSchema,
    expiresAt: timeSchema,
    ip: z.string().nullable(),
    userAgent: z.string().nullable(),
    current: z.boolean().meta({ description: 'The one that asks.' }),
  })
  .meta({ title: 'Session', description: 'A place where a user is signed in.' });
/** A place where a user is signed in. */
export type Session = z.infer<typeof sessionSchema>;

export const auditEventSchema = z
  .object({
    id: z.string(),
    at: timeSchema,
    type: z.string(),
    actorId: z.string().nullable(),
    userId: z.string().nullable(),
    sessionId: z.string().nullable(),
    ip: z.string().nullable(),
    userAgent: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()),
  })
  .meta({
    title: 'AuditEvent',
    description: 'Who did what to whom, when and from where, and how it ended.',
  });
/** One security event: who did what to whom, when, from where, and how it ended. */
export type AuditEvent = z.infer<typeof auditEventSchema>;

export const sessionListOutput = z.array(sessionSchema);
export const revokedOutput = z.object({ revoked: z.boolean() });
export const revokedCountOutput = z.object({ revoked: z.int() });
export const deletedOutput = z.object({ deleted: z.literal(true) });
export const auditPageOutput = z.object({
  events: z.array(auditEventSchema),
  nextCursor: z.string().nullable(),
});
export const rotatedKeysOutput = z.object({ activeKeyId: z.string() });

export const signingKeySchema = z
  .object({
    id: z.string().meta({ description: '`kid` of what it signs.' }),
    algorithm: z.string(),
    status: z.enum(['next', 'active', 'retired']),
    createdAt: timeSchema,
  })
  .meta({ title: 'SigningKey', description: 'A key of access tokens; nothing that signs.' });
/** A key of access tokens, by its id: `kid` of what it signs. */
export type SigningKey = z.infer<typeof signingKeySchema>;
export const signingKeysOutput = z.object({ keys: z.array(signingKeySchema) });

export const figuresOutput = z.object({
  users: z.int(),
  activeSessions: z.int(),
  stepSeconds: z.int().meta({ description: 'Seconds between two points.' }),
  points: z
    .array(
      z.object({
        at: timeSchema,
        signIns: z.int().meta({ description: 'In the step that ends here.' }),
        refusals: z
          .int()
          .meta({ description: 'The same; those that the audit log left out are in it.' }),
        activeSessions: z.int().meta({ description: 'At this moment.' }),
      }),
    )
    .meta({ description: 'Oldest first; the last one is the moment of counting.' }),
});
/** How many there are, and how much went on lately. */
export type Figures = z.infer<typeof figuresOutput>;

/** The input of `admin.listUsers` for a given set of roles. */
export interface ListUsersInput<Role extends string = BuiltInRole> {
  search?: string | undefined;
  role?: Role | undefined;
  status?: UserStatus | undefined;
  limit: number;
  cursor?: string | undefined;
  direction?: 'forward' | undefined;
}

type RoleSchema<Role extends string> = z.ZodEnum<{ [R in Role]: R }>;

/** An account that an operator or the host application makes; `user` unless it says otherwise. */
export interface NewAccountInput<Role extends string> {
  email: string;
  username?: string | undefined;
  name?: string | undefined;
  role?: Role | undefined;
}

/** The schemas that depend on which roles there are. */
export interface RoleSchemas<Role extends string> {
  readonly role: RoleSchema<Role>;
  readonly user: z.ZodType<User<Role>, User<Role>>;
  readonly authResult: z.ZodType<AuthResult<Role>, AuthResult<Role>>;
  readonly setRoleInput: z.ZodType<{ userId: string; role: Role }, { userId: string; role: Role }>;
  readonly newAccount: z.ZodType<NewAccountInput<Role>, NewAccountInput<Role>>;
  readonly listUsersInput: z.ZodType<
    ListUsersInput<Role>,
    { [Field in keyof ListUsersInput]?: ListUsersInput<Role>[Field] | undefined } | undefined
  >;
  readonly userPage: z.ZodType<
    { users: User<Role>[]; nextCursor: string | null },
    { users: User<Role>[]; nextCursor: string | null }
  >;
}

/**
 * Makes the schemas that mention a role.
 *
 * @param roles every role there is, `user` and `admin` among them
 */
export function createRoleSchemas<Role extends string>(roles: readonly Role[]): RoleSchemas<Role> {
  const role = z.enum(roles);
  const user = z
    .object({
      id: z.string(),
      email: z.string(),
      emailVerified: z.boolean(),
      username: z.string().nullable(),
      name: z.string().nullable(),
      role,
      status: z.enum(userStatuses),
      createdAt: timeSchema,
      updatedAt: timeSchema,
    })
    .meta({ title: 'User' });
  const authResult = z
    .object({
      accessToken: z.string(),
      tokenType: z.literal('Bearer'),
      expiresIn: z.int().meta({ description: 'Seconds until the access token expires.' }),
      refreshToken: z
        .string()
        .nullable()
        .meta({ description: '`null` in cookie mode, where it is in the cookie alone.' }),
      user,
    })
    .meta({ title: 'AuthResult' });
  const setRoleInput = z.strictObject({ userId: idSchema, role });
  const newAccount = z.strictObject({
    email: emailSchema,
    username: usernameSchema.optional(),
    name: nameSchema.optional(),
    role: role.optional(),
  });
  const listUsersInput = z
    .strictObject({
      search: faithfulString.trim().max(100).normalize('NFC').optional(),
      role: role.optional(),
      status: z.enum(userStatuses).optional(),
      limit: limitSchema,
      cursor: cursorSchema,
      direction: directionSchema,
    })
    .prefault({});
  const userPage = z.object({ users: z.array(user), nextCursor: z.string().nullable() });
  // Without a cast: the compiler holds these schemas and the interfaces above together.
  return { role, user, authResult, setRoleInput, newAccount, listUsersInput, userPage };
}

/**
 * Reads an input that comes from elsewhere than a procedure.
 *
 * @throws LatchkeyError `invalid_input` with what is wrong
 */
export function readInput<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new LatchkeyError('invalid_input', { issues: parsed.error.issues.map(toInputIssue) });
}

const nothing = z.strictObject({}).nullish();

/**
 * The input of a procedure that takes none: not there, or `null` or `{}`, which is what some
 * clients send for nothing. Whatever else somebody sends, they would think that it counts.
 *
 * @throws LatchkeyError `invalid_input`
 */
export function noInput(input: unknown): void {
  if (input !== undefined) readInput(nothing, input);
}

function toInputIssue({ path, code, message }: z.core.$ZodIssue): InputIssue {
  return { path: path.filter((part) => typeof part !== 'symbol'), code, message };
}
