import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import { createRoleSchemas, type AuthResult, type ListUsersInput, type User } from './schemas.ts';

type Role = 'user' | 'admin' | 'editor';
const schemas = createRoleSchemas<Role>(['user', 'admin', 'editor']);

type Output<Name extends keyof typeof schemas> = z.output<(typeof schemas)[Name]>;
type Input<Name extends keyof typeof schemas> = z.input<(typeof schemas)[Name]>;

test('schemas speak of the declared roles and no others', () => {
  expectTypeOf<Output<'role'>>().toEqualTypeOf<Role>();
  expectTypeOf<Output<'user'>>().toEqualTypeOf<User<Role>>();
  expectTypeOf<Output<'authResult'>>().toEqualTypeOf<AuthResult<Role>>();
  expectTypeOf<Output<'userPage'>['users']>().toEqualTypeOf<User<Role>[]>();
  expectTypeOf<Output<'setRoleInput'>['role']>().toEqualTypeOf<Role>();
  expectTypeOf<Output<'newAccount'>['role']>().toEqualTypeOf<Role | undefined>();
  expectTypeOf<User<'owner'>>().not.toExtend<Input<'user'>>();
});

test('nothing of a schema is any', () => {
  expectTypeOf<Output<'role'>>().not.toBeAny();
  expectTypeOf<Output<'user'>>().not.toBeAny();
  expectTypeOf<Input<'listUsersInput'>>().not.toBeAny();
});

test('a list is asked for with nothing, or with any of its fields', () => {
  expectTypeOf<undefined>().toExtend<Input<'listUsersInput'>>();
  expectTypeOf<{ limit: undefined; role: 'editor' }>().toExtend<Input<'listUsersInput'>>();
  expectTypeOf<{ role: 'owner' }>().not.toExtend<Input<'listUsersInput'>>();
  expectTypeOf<Output<'listUsersInput'>>().toEqualTypeOf<ListUsersInput<Role>>();
});

test('without roles of its own an application has the two built in', () => {
  expectTypeOf<User['role']>().toEqualTypeOf<'user' | 'admin'>();
});
