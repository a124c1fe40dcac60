const noServer =
  'no PostgreSQL answers there. Start it, or check the host and the port that are named';
const untrusted =
  'the certificate of the server is not one to trust. Name the one of its authority with sslrootcert, and the host as the certificate has it';
const unknownToServer =
  'the server does not take our certificate. Check that sslcert is signed by an authority that the server knows (ssl_ca_file)';
const unfit =
  'sslcert and sslkey do not go together. Name a certificate and its own key, both as PEM';
const unreadable =
  'the URL cannot be read. Write special characters of user, password and database as %XX';
const otherTables = 'the database has other tables than Latchkey makes. Name another database';

/**
 * What to do about an SQLSTATE (PostgreSQL, Appendix A) or the first two characters of one, a code
 * of the system, or a name that `postgresCodeOf` gives.
 */
export const postgresExplanations: Readonly<Record<string, string>> = {
  '08': noServer,
  '08P01':
    'what answers there refuses a parameter of the connection. PgBouncer has to ignore it: ignore_startup_parameters',
  '28': 'the server does not let this user in. Check the user, and whether the server wants TLS (sslmode) or forbids this address (pg_hba.conf)',
  '28P01': 'the password is not that of the user. Check both, with special characters as %XX',
  '3D000': 'there is no such database on the server. Create it, or name another',
  '3F000': 'there is no schema to make tables in. Check search_path',
  '25006': 'the database may only be read. Name the primary server, or one that may be written to',
  '42501':
    'this user may not make what is missing. Let it create tables in the schema, or start once as one who may',
  '42P01': otherTables,
  '42P07': otherTables,
  '42703': otherTables,
  '53': 'the server has no room left: disk, memory or connections. Free some, or set DATABASE_POOL lower',
  '55P03':
    'another process holds a lock on the database. Stop that process, or wait until it is done',
  '57014': 'the server takes too long. Look for what keeps it busy',
  '57': 'the server is starting or stopping. Try again',
  CONNECT_TIMEOUT: noServer,
  CONNECTION_LOST: 'the server ended the connection. Look into its log',
  EAI_AGAIN: 'the name of the host cannot be looked up. Check the name, and the network',
  ECONNREFUSED: noServer,
  ECONNRESET: 'the server ended the connection. Look into its log',
  EHOSTUNREACH: noServer,
  ENETUNREACH: noServer,
  ENOENT: 'a file that it names is not there: a socket, or one of sslrootcert, sslcert and sslkey',
  ENOTFOUND: 'the host is not known. Check its name',
  ETIMEDOUT: noServer,
  NO_PASSWORD: 'the server wants a password. Name one, as in postgres://user:password@host',
  NO_TLS: 'the server has no TLS, which sslmode asks for. Turn it on there, or use sslmode=disable',
  POOL_TIMEOUT: noServer,
  ERR_INVALID_URL: unreadable,
  URL: unreadable,
  CERT_HAS_EXPIRED: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  CERT_NOT_YET_VALID: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  ERR_OSSL_PEM_NO_START_LINE: unfit,
  ERR_OSSL_UNSUPPORTED: unfit,
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: unfit,
  ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR: unknownToServer,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: unknownToServer,
  ERR_TLS_CERT_ALTNAME_INVALID: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
};
