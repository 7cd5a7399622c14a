import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { printable, type Style } from '../style.ts';

/** An explanation for people: the gates with their marks, the mappings that match, and what would come out. */
export function explanationText(explanation: JsonObject, style: Style): string {
  const { decision, credential, candidates, more, revision, decider } = explanation;
  const found = isJsonObject(decision) ? decision : {};
  const outcome = textOf(found['outcome']);
  const verdict = style(outcome === 'allowed' ? 'green' : 'red', printable(outcome));
  const by = found['mapping'] === undefined ? '' : ` by mapping ${textOf(found['mapping'])}`;
  const why = [found['error'], found['reason']].filter((one) => one !== undefined).map(textOf);
  const head = `${verdict}${printable(`${by}${why.length > 0 ? ` (${why.join(', ')})` : ''}`)}\n`;
  const gates = listOf(found['steps']).map((step) => gate(step, style));
  // A token that is refused has met no gate.
  const detail = gates.length > 0 || found['detail'] === undefined ? '' : `  ${printable(textOf(found['detail']))}\n`;
  const parts = [
    head,
    ...gates,
    detail,
    ...besides(found['beside']),
    ...candidatesText(listOf(candidates), Number(more ?? 0), style),
    ...credentialText(credential, style),
    style('dim', printable(`resources ${textOf(revision)}, ${textOf(decider)}`)),
    '\n',
  ];
  return parts.join('');
}

function gate(step: JsonObject, style: Style): string {
  const passed = step['passed'] === true;
  const mark = passed ? style('green', 'pass') : style('red', 'FAIL');
  return `  ${mark}  ${printable(textOf(step['step']).padEnd(12))}  ${printable(textOf(step['detail']))}\n`;
}

function besides(beside: JsonValue | undefined): readonly string[] {
  return listOf(beside).map(({ mode, mapping, outcome, detail }) => {
    const why = detail === undefined ? '' : `: ${textOf(detail)}`;
    return `  beside: ${printable(`${textOf(mode)} ${textOf(mapping)} would have ${textOf(outcome)} it${why}`)}\n`;
  });
}

function candidatesText(candidates: readonly JsonObject[], more: number, style: Style): readonly string[] {
  if (candidates.length === 0) return [];
  const lines = candidates.map(({ mapping, selected, failing }) => {
    const mark = selected === true ? style('cyan', 'decides') : '       ';
    const why = isJsonObject(failing)
      ? `refuses at ${textOf(failing['step'])}: ${textOf(failing['detail'])}`
      : 'allows';
    return `  ${mark}  ${printable(textOf(mapping).padEnd(24))}  ${printable(why)}\n`;
  });
  const rest = more > 0 ? [`  and ${more} more\n`] : [];
  return [`${style('bold', 'mappings that match')}\n`, ...lines, ...rest];
}

function credentialText(credential: JsonValue | undefined, style: Style): readonly string[] {
  if (credential === undefined || !isJsonObject(credential)) return [];
  const { kind, target, ttlSeconds, enforcedBy, deliver } = credential;
  const held =
    Array.isArray(enforcedBy) && enforcedBy.length > 0 ? `, held by ${enforcedBy.map(textOf).join(', ')}` : '';
  const line = `${textOf(kind)} ${textOf(target)} for ${textOf(ttlSeconds)} s${held}, delivered as ${textOf(deliver)}`;
  return [`${style('bold', 'would come out')}\n`, `  ${printable(line)}\n`];
}

function listOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((one): one is JsonObject => isJsonObject(one)) : [];
}

function textOf(value: JsonValue | undefined): string {
  return value === undefined ? '-' : String(value);
}
