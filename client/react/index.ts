export {
  createLatchkeyReact,
  type LatchkeyProviderProps,
  type LatchkeyReact,
  type RequireRoleProps,
  type RoleOf,
  type SignedInProps,
} from './create-latchkey-react.tsx';
export { retryUnlessRefused } from './retry-unless-refused.ts';
