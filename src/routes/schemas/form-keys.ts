import { ERRORS, type ErrorKey } from '../../core/oauth-error.ts';

const OF_FORMS: readonly ErrorKey[] = [
  'method_not_allowed',
  'content_type',
  'body_too_large',
  'parameter_too_large',
  'malformed_form',
  'too_many_parameters',
  'parameter_in_query',
  'repeated_parameter',
  'target_refused',
  'target_denied',
];

/** Rows that every door answers with at which a form is exchanged for a credential. */
export const FORM_KEYS: readonly ErrorKey[] = (Object.keys(ERRORS) as ErrorKey[]).filter(
  (key) =>
    OF_FORMS.includes(key) ||
    (key.startsWith('token_') && key !== 'token_missing') ||
    ['slow_down', 'temporarily_unavailable', 'server_error'].includes(ERRORS[key].code),
);
