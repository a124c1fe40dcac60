import type { KeyRing } from '../../server/tokens/key-ring.ts';

/** base64url of text, as a segment of a token. */
export function segment(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** The text of a segment of a token. */
export function textOf(token: string, index: 0 | 1): string {
  return Buffer.from(token.split('.')[index] ?? '', 'base64url').toString();
}

/**
 * Signs any text as header and payload with the server's own Ed25519 key: whatever
 * is wrong with the token then, its signature is right.
 */
export async function signRaw(
  keyRing: Pick<KeyRing, 'activeKey'>,
  header: string,
  payload: string,
): Promise<string> {
  const { signature } = await keyRing.activeKey();
  const input = `${segment(header)}.${segment(payload)}`;
  return `${input}.${signature.sign(input).toString('base64url')}`;
}
