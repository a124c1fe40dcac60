import { expect } from 'vitest';

/** What a value has to look like where it differs from run to run. */
export const like: Readonly<
  Record<'text' | 'time' | 'id' | 'accessToken' | 'refreshToken', unknown>
> = {
  text: expect.any(String),
  time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  accessToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
  refreshToken: expect.stringMatching(/^[\w-]{72}$/),
};
