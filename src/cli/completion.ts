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
  const script = bash(nodes);
  return shell === 'bash' ? script : `autoload -U +X compinit bashcompinit\ncompinit\nbashcompinit\n${script}`;
}

function nodesOf(command: Command, path: readonly string[]): readonly Node[] {
  const inner = command.commands.flatMap((one) => nodesOf(one, [...path, one.name()]));
  return [{ path, command }, ...inner];
}

function bash(nodes: readonly Node[]): string {
  const key = ({ path }: Node) => ['carnet', ...path].join(' ');
  const commands = nodes.slice(1).map((node) => `'${key(node)}'`);
  const words = nodes.map((node) => `    '${key(node)}') words='${wordsOf(node.command).join(' ')}' ;;\n`);
  const values = nodes.flatMap((node) =>
    node.command.options.filter(takesValue).map(
      (option) =>
        `    ${flagsOf(option)
          .map((flag) => `'${key(node)} ${flag}'`)
          .join('|')}) ${valueWords(option)}; return ;;\n`,
    ),
  );
  return `_carnet() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} at=carnet word words=
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -- ]] && return
    case "$at $word" in
    ${commands.join('|')}) at="$at $word" ;;
    esac
  done
  case "$at $previous" in
${values.join('')}  esac
  case "$at" in
${words.join('')}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
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
  const lines = nodes.flatMap(({ path, command }) => {
    const condition =
      path.length === 0
        ? '__fish_use_subcommand'
        : path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
    const start = `complete -c carnet -n '${condition}'`;
    const inner = command.commands.map((one) => `${start} -f -a ${one.name()} -d ${quoted(one.description())}`);
    const options = command.options.map((option) => {
      const names = [option.short && `-s ${option.short.slice(1)}`, option.long && `-l ${option.long.slice(2)}`];
      const value =
        takesValue(option) &&
        (option.argChoices ? `-x -a '${option.argChoices.join(' ')}'` : isFile(option) ? '-r -F' : '-x');
      return [start, ...names, value, `-d ${quoted(option.description)}`].filter(Boolean).join(' ');
    });
    return [...inner, ...options];
  });
  return `${lines.join('\n')}\n`;
}

function wordsOf(command: Command): readonly string[] {
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  return [...command.commands.map((one) => one.name()), ...choices, ...command.options.flatMap(flagsOf), '--help'];
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
