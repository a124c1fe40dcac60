export { LatchkeyError } from './latchkey-error.ts';
export type { InputIssue, ReasonDetails } from './latchkey-error.ts';
export { isReason, passwordRules, reasons } from './reasons.ts';
export type { PasswordRule, Reason } from './reasons.ts';
export {
  builtInRoles,
  changePasswordInput,
  createRoleSchemas,
  deleteUserInput,
  emailSchema,
  listAuditEventsInput,
  loginInput,
  logoutInput,
  nameSchema,
  passwordSchema,
  refreshInput,
  registerInput,
  revokeSessionInput,
  updateUserInput,
  userIdInput,
  usernameSchema,
} from './schemas.ts';
export type {
  AuditEvent,
  AuthResult,
  BuiltInRole,
  ChangePasswordInput,
  DeleteUserInput,
  ListAuditEventsInput,
  ListUsersInput,
  LoginInput,
  LogoutInput,
  NewAccountInput,
  RefreshInput,
  RegisterInput,
  RevokeSessionInput,
  Session,
  UpdateUserInput,
  User,
  UserIdInput,
  UserStatus,
} from './schemas.ts';
