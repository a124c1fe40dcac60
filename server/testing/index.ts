export { createTestLatchkey, testPassword } from './create-test-latchkey.ts';
export type { TestEndpoint, TestLatchkey, TestUser } from './create-test-latchkey.ts';
export type { TestClock } from './clock.ts';
export type { TokenForger } from './forger.ts';
