import type { Purpose } from '../authority/authority.ts';
import { type KeyState, PUBLISHED_BEFORE_USE_MS, stateOf } from '../authority/key-schedule.ts';
import { ExitCode } from './exit-code.ts';
import { type KeyAccess, type KeysOptions, withKeys } from './keys-access.ts';
import { type Style, styleOf } from './style.ts';
import type { Surroundings } from './surroundings.ts';
import { table } from './table.ts';

interface KeyRow {
  readonly purpose: Purpose;
  readonly kid: string;
  readonly alg: string;
  readonly state: KeyState;
  readonly publishedAt: string;
  readonly activeAt: string;
  readonly retiredAt?: string;
  readonly goneAt?: string;
}

interface RotationRow {
  readonly purpose: Purpose;
  readonly nextRotationAt: string;
  readonly overdue: boolean;
}

/** What `-o json` prints after every command but `export`; instants are RFC 3339. */
interface KeysReport {
  readonly keys: readonly KeyRow[];
  readonly rotation: readonly RotationRow[];
}

/** `carnet keys list`. Like its siblings it resolves to the exit code and throws CommandError. */
export async function listKeys(options: KeysOptions, around: Surroundings): Promise<ExitCode> {
  return await withKeys(options, around, (access) => show(access, options, around));
}

/** `carnet keys prepare`: once for each purpose, however often it is run. */
export async function prepareKeys(options: KeysOptions, around: Surroundings): Promise<ExitCode> {
  return await withKeys(options, around, async (access) => {
    for (const purpose of access.purposes) {
      await access.ring(purpose);
      const { kid, made } = await access.rotation.prepare(purpose);
      tell(around, `${purpose}: ${kid} ${made ? 'is published now and signs later' : 'was prepared already'}`);
    }
    return await show(access, options, around);
  });
}

/** `carnet keys activate`: of several purposes all or none. */
export async function activateKeys(options: KeysOptions & { now?: boolean }, around: Surroundings): Promise<ExitCode> {
  return await withKeys(options, around, async (access) => {
    const unpublished = options.now === true;
    const tooNew = new Set<Purpose>();
    for (const purpose of access.purposes)
      if (access.rotation.isTooNew(await access.ring(purpose), purpose, { unpublished })) tooNew.add(purpose);
    for (const purpose of access.purposes) {
      const kid = await access.rotation.activate(purpose, { unpublished });
      if (tooNew.has(purpose)) warn(around, `${purpose}: ${UNSEEN}`);
      tell(around, `${purpose}: ${kid} signs from now on`);
    }
    return await show(access, options, around);
  });
}

/** `carnet keys revoke`. */
export async function revokeKey(kid: string, options: KeysOptions, around: Surroundings): Promise<ExitCode> {
  return await withKeys(options, around, async (access) => {
    for (const purpose of access.purposes) await access.ring(purpose);
    const revoked = await access.rotation.revoke(kid, options.purpose);
    const { purpose, wasActive, activeKid, publishedForMs } = revoked;
    tell(around, `${purpose}: ${kid} is published no more and signs no more`);
    if (wasActive) tell(around, `${purpose}: ${activeKid} signs from now on`);
    if (wasActive && publishedForMs < PUBLISHED_BEFORE_USE_MS) warn(around, `${purpose}: ${UNSEEN}`);
    warn(around, `${purpose}: ${STILL_VALID}`);
    return await show(access, { ...options, purpose }, around);
  });
}

const UNSEEN =
  'the key that signs now was published for less than 24 h: verifiers that keep an older copy of the keys refuse its ' +
  'tokens until they fetch again';

const STILL_VALID =
  'what the revoked key has signed stays valid wherever a copy of the keys still holds it, until that copy or the token ends';

function tell({ err }: Surroundings, text: string): void {
  err.write(`carnet: ${text}\n`);
}

function warn(around: Surroundings, text: string): void {
  around.err.write(`${styleOf(around.err, around.env)('yellow', 'warning:')} ${text}\n`);
}

async function show(access: KeyAccess, options: KeysOptions, { out, env, clock }: Surroundings): Promise<ExitCode> {
  const report = await reportOf(access, options, clock.now());
  out.write(options.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : text(report, styleOf(out, env)));
  return ExitCode.ok;
}

async function reportOf(access: KeyAccess, { purpose: only }: KeysOptions, now: number): Promise<KeysReport> {
  const keys: KeyRow[] = [];
  const rotation: RotationRow[] = [];
  for (const purpose of only === undefined ? access.purposes : [only]) {
    const ring = await access.ring(purpose);
    for (const one of ring) {
      const { publishedAt, activeAt, retiredAt, goneAt, key } = one;
      keys.push({
        purpose,
        kid: key.kid,
        alg: key.publicJwk.alg,
        state: stateOf(ring, one, now),
        publishedAt: instant(publishedAt),
        activeAt: instant(activeAt),
        ...(retiredAt !== undefined && { retiredAt: instant(retiredAt) }),
        ...(goneAt !== undefined && { goneAt: instant(goneAt) }),
      });
    }
    const { nextRotationAt, overdue } = access.rotation.plan(ring);
    rotation.push({ purpose, nextRotationAt: instant(nextRotationAt), overdue });
  }
  return { keys, rotation };
}

const COLOURS = { prepared: 'cyan', active: 'green', retired: 'yellow', gone: 'dim' } as const;

function text({ keys, rotation }: KeysReport, style: Style): string {
  const rows = keys.map(({ purpose, kid, alg, state, publishedAt, activeAt, retiredAt, goneAt }) => [
    purpose,
    kid,
    alg,
    state,
    publishedAt,
    activeAt,
    retiredAt ?? '-',
    goneAt ?? '-',
  ]);
  const heading = ['purpose', 'kid', 'alg', 'state', 'published', 'active', 'retires', 'gone'];
  const listed = table(heading, rows, style, (line, row) => style(COLOURS[keys[row]?.state ?? 'gone'], line));
  const plans = rotation.map(({ purpose, nextRotationAt, overdue }) => {
    const late = overdue ? style('red', '  overdue: is the service running?') : '';
    return `${style('dim', 'next rotation')}  ${purpose}  ${nextRotationAt}${late}\n`;
  });
  return [listed, ...plans].join('');
}

/** RFC 3339 in whole seconds. */
function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
