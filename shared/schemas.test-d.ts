import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type {
  AuthResult,
  BuiltInRole,
  createRoleSchemas,
  inferRoleSchemas,
  RoleSchemas,
  User,
} from './schemas.ts';

type Role = BuiltInRole | 'editor';
type Written = RoleSchemas<Role>;
type Inferred = ReturnType<typeof inferRoleSchemas<Role>>;

/** What each schema takes and gives, so that two sets of schemas can be compared. */
type Inputs<T extends Record<keyof T, z.ZodType>> = {
  -readonly [Name in keyof T]: z.input<T[Name]>;
};
type Outputs<T extends Record<keyof T, z.ZodType>> = {
  -readonly [Name in keyof T]: z.output<T[Name]>;
};

test('the written schemas give what zod infers', () => {
  expectTypeOf<Outputs<Inferred>>().toEqualTypeOf<Outputs<Written>>();
});

test('the written schemas take what zod infers', () => {
  expectTypeOf<Inputs<Inferred>>().toEqualTypeOf<Inputs<Written>>();
});

test('the roles of the application reach the wire types', () => {
  type Schemas = ReturnType<typeof createRoleSchemas<Role>>;
  expectTypeOf<z.output<Schemas['authResult']>>().toEqualTypeOf<AuthResult<Role>>();
  expectTypeOf<z.output<Schemas['user']>['role']>().toEqualTypeOf<Role>();
  expectTypeOf<z.output<Schemas['role']>>().not.toBeAny();
  expectTypeOf<User<'owner'>>().not.toExtend<z.input<Schemas['user']>>();
});

test('without roles of its own an application has the two built in', () => {
  expectTypeOf<User['role']>().toEqualTypeOf<'user' | 'admin'>();
});
