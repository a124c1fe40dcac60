export {
  createClient,
  type ClientOptions,
  type LatchkeyClient,
  type SignInInput,
  type SignUpInput,
  type UserOf,
} from './create-client.ts';
export { reasonOf } from './reason-of.ts';
export { refusalOf, type Refusal } from './refusal-of.ts';
export { type SessionSnapshot, type SessionState } from './session.ts';
export { memoryStorage, webStorage, type SessionStorage } from './session-storage.ts';
export { type InputIssue } from '../shared/latchkey-error.ts';
export { type PasswordRule, type Reason } from '../shared/reasons.ts';
