export { ConfigurationError } from './config/configuration-error.ts';
export type { CustomClaims, JsonValue } from './tokens/custom-claims.ts';
export type { SigningAlgorithm } from './tokens/key-ring.ts';
export { createLatchkey } from './latchkey.ts';
export type { LatchkeyOptions, RolePermissions } from './compose.ts';
export type { CreateHandler, Latchkey } from './latchkey.ts';
export type { Logger } from './logger.ts';
export type { AppRouter } from './routers/app.ts';
export type { Caller } from './trpc/authenticate-request.ts';
export type { CallContext, ContextSource, LatchkeyContext } from './trpc/context.ts';
export type {
  ErrorToFormat,
  LatchkeyErrorFormatter,
  LatchkeyErrorShape,
} from './trpc/error-formatter.ts';
export type { ProcedureDocs, ProcedureMeta } from './trpc/procedure-docs.ts';
export type { CurrentSession } from './trpc/procedures.ts';
export type { Visitor } from './trpc/visitor.ts';
export type { FetchHandler } from './http/fetch-handler.ts';
export type { EndpointOptions, EndpointPath, EndpointSettings } from './http/handler.ts';
export type { NodeHandler } from './http/node-handler.ts';
export { LatchkeyError } from '../shared/latchkey-error.ts';
export type { InputIssue, ReasonDetails } from '../shared/latchkey-error.ts';
export { isReason, reasons } from '../shared/reasons.ts';
export type { PasswordRule, Reason } from '../shared/reasons.ts';
export type { Origin } from '../shared/records.ts';
export type { AuditEvent, AuthResult, BuiltInRole, Session, User } from '../shared/schemas.ts';
