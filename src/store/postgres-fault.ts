import { StoreAway, StoreFault } from './store-fault.ts';

const REACH = 'cannot be reached; check the address, and that PostgreSQL runs there';
const REFUSED = 'lets this user not in; check the user, store.postgres.passwordFile and pg_hba.conf';

/** By SQLSTATE of the server or code of the network. */
const MENDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: REACH,
  ECONNRESET: 'broke the connection off; it is made anew',
  ENOTFOUND: REACH,
  EAI_AGAIN: REACH,
  ETIMEDOUT: REACH,
  EHOSTUNREACH: REACH,
  ENETUNREACH: REACH,
  ERR_TLS_CERT_ALTNAME_INVALID: 'shows a certificate of another host; name the host that the certificate names',
  '08P01': 'does not speak the protocol that was expected; connect to PostgreSQL itself, not to a pooler',
  '25006': 'only reads: it is a standby; name the primary',
  '28000': REFUSED,
  '28P01': REFUSED,
  '3D000': 'has no such database; create it',
  '3F000': 'gives this user no schema to make tables in; make it the owner of the database',
  '42501': 'gives this user too few rights; make it the owner of the database',
  '53100': 'cannot write: the disk is full; make room',
  '53300': 'takes no more connections; raise max_connections',
  '57014': 'took too long for one statement; look for what locks or loads it',
  '57P01': 'is shutting down; the connection is made anew',
  '57P02': 'has crashed and starts again; the connection is made anew',
  '57P03': 'is starting or shutting down; try again',
};

/** The server is not there, not yet, slow, or takes nobody more: nothing is wrong with what it would hold. */
const AWAY: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['25006', '53300', '57014', '57P01', '57P02', '57P03'],
]);

const NO_TLS = 'does not speak TLS; turn it on there, or say sslmode=disable';

/** By how messages of the client begin, which gives them no code. */
const SAID: readonly (readonly [beginning: string, mend: string])[] = [
  ['Connection terminated due to connection timeout', 'does not answer in time; check the address and the network'],
  ['timeout exceeded when trying to connect', 'is busy: every connection is in use; look for what locks or loads it'],
  ['Query read timeout', 'does not answer in time; check the network, and look for what loads it'],
  ['Connection terminated', 'broke the connection off; it is made anew'],
  ['The server does not support SSL connections', NO_TLS],
];

/** What went wrong with a PostgreSQL, in words for whoever runs Carnet: no address, no user and no password in them. */
export function postgresFault(cause: unknown): StoreFault {
  if (cause instanceof StoreFault) return cause;
  const code = codeOf(cause);
  const message = cause instanceof Error ? cause.message : '';
  const mend = MENDS[code] ?? SAID.find(([beginning]) => message.startsWith(beginning))?.[1];
  const isAway = AWAY.has(code) || (code === '' && mend !== undefined && mend !== NO_TLS);
  const Fault = isAway ? StoreAway : StoreFault;
  const known = mend ?? (isCertificate(code) ? UNPROVEN : 'cannot be used');
  return new Fault(`store.postgres.url: the server ${known}${code === '' ? '' : ` (${code})`}`, { cause });
}

const UNPROVEN = 'does not prove by TLS who it is; NODE_EXTRA_CA_CERTS adds a root';

function isCertificate(code: string): boolean {
  return /CERT|SIGNATURE|ISSUER/.test(code);
}

function codeOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{2,64}$/.test(code) ? code : '';
}
