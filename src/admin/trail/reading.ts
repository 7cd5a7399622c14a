import { UnknownPlace } from '../../audit/fronts.ts';
import {
  type AuditHistory,
  type Coverage,
  HistoryBusy,
  type HistoryQuery,
  ReaderGone,
  type Visit,
} from '../../audit/history.ts';
import { AdminError } from '../admin-error.ts';

/** Reads the audit log for an admin. Throws AdminError `too_many`, `malformed` for a cursor of elsewhere, or `unavailable`. */
export async function reading(history: AuditHistory, query: HistoryQuery, visit: Visit): Promise<Coverage> {
  try {
    return await history.read(query, visit);
  } catch (cause) {
    if (cause instanceof HistoryBusy) throw new AdminError('too_many', { detail: cause.message, cause });
    if (cause instanceof ReaderGone) throw new AdminError('too_many', { detail: 'whoever asked has gone', cause });
    if (cause instanceof UnknownPlace) {
      throw new AdminError('malformed', { field: 'cursor', detail: 'is not one that this replica gave', cause });
    }
    if (cause instanceof AdminError || !isDiskError(cause)) throw cause;
    throw new AdminError('unavailable', { detail: 'the audit log cannot be read', cause });
  }
}

function isDiskError(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}
