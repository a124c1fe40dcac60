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
  const { signingKey } = await keyRing.activeKey();
  if (signingKey instanceof Uint8Array) throw new Error('The key is not one of Ed25519.');
  const input = `${segment(header)}.${segment(payload)}`;
  const signature = await crypto.subtle.sign('Ed25519', signingKey, Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}
