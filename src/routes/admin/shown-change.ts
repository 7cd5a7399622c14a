import type { Changed } from '../../admin/change/changing.ts';
import type { Proposal } from '../../admin/proposals.ts';
import { shownFault } from './problem.ts';

export function shownProposal({ id, by, at, until, resources, reasons }: Proposal) {
  return { id, by, at: new Date(at).toISOString(), until: new Date(until).toISOString(), resources, reasons };
}

/** What has come of a change; what does not apply is not there. */
export function shownChange({ inForce, changes, widening, proposal }: Changed) {
  const { newFaults, goneFaults, ...lists } = changes;
  return {
    inForce,
    changes: { ...lists, newFaults: newFaults.map(shownFault), goneFaults: goneFaults.map(shownFault) },
    widening,
    proposal: proposal && shownProposal(proposal),
  };
}
