export {
  createClient,
  type ClientOptions,
  type LatchkeyClient,
  type SignInInput,
  type SignUpInput,
  type UserOf,
} from './create-client.ts';
export { reasonOf } from './reason-of.ts';
export { type SessionSnapshot, type SessionState } from './session.ts';
export { memoryStorage, webStorage, type SessionStorage } from './session-storage.ts';
export { type Reason } from '../shared/reasons.ts';
