import type { Command, Option } from 'commander';

/** One command with the words that lead to it. */
interface Node {
  readonly path: readonly string[];
  readonly command: Command;
}

/** A script for the shell, made from the commands and options of the program. */
export function completion(program: Command, shell: 'bash' | 'zsh' | 'fish'): string {
  const nodes = nodesOf(program, []);
  if (shell === 'fish') return fish(nodes);
  return shell === 'bash' ? bash(nodes) : ZSH_START + bash(nodes);
}

/** What is there already is not begun anew: that would forget what other programs have told the shell. */
const ZSH_START = `(( $+functions[compdef] )) || { autoload -U +X compinit && compinit; }
autoload -U +X bashcompinit && bashcompinit
`;

function nodesOf(command: Command, path: readonly string[]): readonly Node[] {
  const inner = command.commands.flatMap((one) => nodesOf(one, [...path, one.name()]));
  return [{ path, command }, ...inner];
}

function key({ path }: Node): string {
  return ['carnet', ...path].join(' ');
}

/** Also what zsh reads, which has no parts of an array by such numbers, and a meaning of its own for `words`. */
function bash(nodes: readonly Node[]): string {
  const commands = nodes.slice(1).map((node) => `'${key(node)}'`);
  const words = nodes.map((node) => `    '${key(node)}') offered='${wordsOf(node.command).join(' ')}' ;;\n`);
  const values = nodes.flatMap((node) =>
    node.command.options.filter(takesValue).map(
      (option) =>
        `    ${flagsOf(option)
          .map((flag) => `'${key(node)} ${flag}'`)
          .join('|')}) ${valueWords(option)}; return ;;\n`,
    ),
  );
  return `_carnet() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" at=carnet i word offered=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ $word == -- ]] && return
    case "$at $word" in
    ${commands.join('|')}) at="$at $word" ;;
    esac
  done
  case "$at $previous" in
${values.join('')}  esac
  case "$at" in
${words.join('')}  esac
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
}
complete -o default -F _carnet carnet
`;
}

/** Without words of its own the shell completes files. */
function valueWords(option: Option): string {
  const { argChoices } = option;
  if (argChoices !== undefined) return `COMPREPLY=($(compgen -W '${argChoices.join(' ')}' -- "$current"))`;
  return isFile(option) ? ':' : 'compopt +o default 2>/dev/null';
}

function fish(nodes: readonly Node[]): string {
  const commands = nodes.slice(1).map((node) => `'${key(node)}'`);
  const lines = nodes.flatMap((node) => {
    const { command } = node;
    const start = `complete -c carnet -n '__carnet_at ${key(node)}'`;
    const inner = command.commands.map((one) => `${start} -f -a ${one.name()} -d ${quoted(one.description())}`);
    const choices = choicesOf(command);
    const words = choices.length === 0 ? [] : [`${start} -f -a '${choices.join(' ')}'`];
    const options = command.options.map((option) => {
      const names = [option.short && `-s ${option.short.slice(1)}`, option.long && `-l ${option.long.slice(2)}`];
      const value =
        takesValue(option) &&
        (option.argChoices ? `-x -a '${option.argChoices.join(' ')}'` : isFile(option) ? '-r -F' : '-x');
      return [start, ...names, value, `-d ${quoted(option.description)}`].filter(Boolean).join(' ');
    });
    return [...inner, ...words, ...options, `${start} -l help`];
  });
  return `function __carnet_at
  set -l at carnet
  for word in (commandline -opc)
    test "$word" = --; and return 1
    contains -- "$at $word" ${commands.join(' ')}; and set at "$at $word"
  end
  test "$at" = "$argv"
end
${lines.join('\n')}
`;
}

function wordsOf(command: Command): readonly string[] {
  const inner = command.commands.map((one) => one.name());
  return [...inner, ...choicesOf(command), ...command.options.flatMap(flagsOf), '--help'];
}

function choicesOf({ registeredArguments }: Command): readonly string[] {
  return registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
}

function flagsOf({ short, long }: Option): readonly string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

/** By what the help calls the value. */
function isFile({ flags }: Option): boolean {
  return /<(file|folder|path|directory)\b/.test(flags);
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
