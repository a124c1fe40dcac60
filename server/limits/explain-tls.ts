/** Codes of Node and OpenSSL for a certificate that is not one to trust. */
const untrusted = /^(CERT_.+|.+_CERT|.+_IN_CHAIN|UNABLE_TO_.+|ERR_TLS_CERT_ALTNAME_INVALID)$/;

/** What to do where a connection to Redis fails for its certificate, or null. */
export function explainTls(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return untrusted.test(code)
    ? 'REDIS_URL: the certificate of Redis is not one to trust. Name its authority with NODE_EXTRA_CA_CERTS, and the host as the certificate has it.'
    : null;
}
