import { printWhole } from "../report/results.ts";
import type { World } from "../world.ts";
import { CHOICES, VERBS, type Verb } from "./verbs.ts";

/** A shell that there is a completion for. */
export type Shell = "bash" | "zsh" | "fish";

/**
 * `--completion`: prints what completes the words of preauth in a shell: verbs with their options, the SERVERs of the
 * table, and the words of which there are a few. The SERVERs are asked of --hosts when they are needed.
 */
export function completion(world: World, shell: Shell): number {
  printWhole(world, completionFor(shell));
  return 0;
}

/** The same as lines. */
export function completionFor(shell: Shell): readonly string[] {
  return { bash, zsh, fish }[shell]();
}

/**
 * Names of one server each that --hosts lists: globs stand for others, and the places at the ends of lines do not count. What
 * a shell would expand is in no name that can be called (glob_reach.ts).
 */
const SERVERS =
  "preauth --hosts 2>/dev/null | sed -e 1d -e 's/  .*//' | tr ' ' '\\n' | grep '^[][A-Za-z0-9._%@:=+/-][][A-Za-z0-9._%@:=+/-]*$'";

interface Entry extends Verb {
  readonly name: string;
}

const ENTRIES: readonly Entry[] = Object.entries(VERBS).map(([name, verb]) => ({ name, ...verb }));

/** The options of a verb with their dashes. */
function optionsOf({ options = {}, flags = [] }: Verb): readonly string[] {
  return [...Object.keys(options), ...flags].map((name) => `--${name}`);
}

/** A shell's case for each verb that takes words: what it takes, and its options. */
function cases(indent: string): readonly string[] {
  return ENTRIES.filter((entry) => entry.words.length > 0 || optionsOf(entry).length > 0).map(
    (entry) =>
      `${indent}--${entry.name}) kinds="${entry.words.join(" ")}" options="${optionsOf(entry).join(" ")}" ;;`,
  );
}

/** A shell's case for each kind of word that is one of a few, and for those of which none is known. */
function choices(indent: string, servers: string, put: (words: string) => string): readonly string[] {
  const fixed = Object.entries(CHOICES).map(
    ([kind, words]) => `${indent}${kind}) ${put(words.join(" "))} ;;`,
  );
  return [`${indent}SERVER) ${servers} ;;`, ...fixed];
}

/** Options of any verb that take a value. */
const VALUED = [...new Set(ENTRIES.flatMap(({ options = {} }) => Object.keys(options)))].map(
  (one) => `--${one}`,
);

function bash(): readonly string[] {
  return [
    "# Completes the words of preauth in bash. Made by preauth --completion bash.",
    "_preauth() {",
    "  # Words as they are typed: bash parts them at colons, too, which are in addresses of IPv6.",
    `  local line=\${COMP_LINE:0:COMP_POINT} kinds="" options="" words="" at=0 index kind last current cut one`,
    "  local -a typed=()",
    `  read -ra typed <<<"$line"`,
    `  case $line in *[[:space:]]) typed+=("") ;; esac`,
    `  last=$((\${#typed[@]} - 1))`,
    `  current=\${typed[last]}`,
    '  if [ "$last" -eq 1 ]; then',
    "    case $current in",
    `      -*) words="${ENTRIES.map(({ name }) => `--${name}`).join(" ")}" ;;`,
    `      *) words=$(${SERVERS}) ;;`,
    "    esac",
    "  else",
    `    case \${typed[1]} in`,
    ...cases("      "),
    "    esac",
    "    for ((index = 2; index < last; index++)); do",
    `      case \${typed[index]} in`,
    `        ${VALUED.join("|")}) index=$((index + 1)) ;;`,
    "        -*) ;;",
    "        *) at=$((at + 1)) ;;",
    "      esac",
    "    done",
    "    kinds=($kinds)",
    `    kind=\${kinds[at]}`,
    '    case $current in -*) kind="" words=$options ;; esac',
    "    case $kind in",
    ...choices("      ", `words=$(${SERVERS})`, (words) => `words="${words}"`),
    "    esac",
    "  fi",
    "  # What stands before the last colon is kept by bash, and is not to come twice.",
    `  cut=\${current%"\${current##*[:=@]}"}`,
    "  COMPREPLY=()",
    "  while IFS= read -r one; do",
    `    [ -n "$one" ] && COMPREPLY+=("\${one#"$cut"}")`,
    '  done < <(compgen -W "$words" -- "$current")',
    "}",
    "complete -F _preauth preauth",
  ];
}

function zsh(): readonly string[] {
  const described = ENTRIES.map(
    ({ name, about }) => `    '--${name}:${about.replaceAll("'", "").replaceAll(":", "\\:")}'`,
  );
  return [
    "#compdef preauth",
    "# Completes the words of preauth in zsh. Made by preauth --completion zsh.",
    "_preauth() {",
    '  local kinds="" options="" at=1 index kind',
    "  local -a verbs found taken",
    "  verbs=(",
    ...described,
    "  )",
    "  if (( CURRENT == 2 )); then",
    "    if [[ $PREFIX == -* ]]; then _describe -o verb verbs; return; fi",
    `    found=(\${(f)"$(${SERVERS})"})`,
    "    compadd -a found",
    "    return",
    "  fi",
    "  case $words[2] in",
    ...cases("    "),
    "  esac",
    "  for ((index = 3; index < CURRENT; index++)); do",
    "    case $words[index] in",
    `      ${VALUED.join("|")}) index=$((index + 1)) ;;`,
    "      -*) ;;",
    "      *) at=$((at + 1)) ;;",
    "    esac",
    "  done",
    `  taken=(\${=kinds})`,
    "  kind=$taken[at]",
    `  if [[ $PREFIX == -* ]]; then found=(\${=options}); kind=""; fi`,
    "  case $kind in",
    ...choices("    ", `found=(\${(f)"$(${SERVERS})"})`, (words) => `found=(${words})`),
    "  esac",
    "  compadd -a found",
    "}",
    'if [ "$funcstack[1]" = "_preauth" ]; then _preauth "$@"; else compdef _preauth preauth; fi',
  ];
}

function fish(): readonly string[] {
  const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const verbs = ENTRIES.map(
    ({ name, about }) => `complete -c preauth -n '__preauth_at 1' -l ${name} -d ${quoted(about)}`,
  );
  const words = ENTRIES.flatMap(({ name, words }) =>
    words.map((kind, index) => {
      const from = kind === "SERVER" ? "(__preauth_servers)" : (listOf(kind)?.join(" ") ?? "");
      return from === ""
        ? []
        : [`complete -c preauth -n '__preauth_at ${index + 1} --${name}' -a ${quoted(from)}`];
    }),
  );
  const options = ENTRIES.flatMap((entry) =>
    [...Object.keys(entry.options ?? {}).map((one) => `${one} -x`), ...(entry.flags ?? [])].map(
      (one) => `complete -c preauth -n '__preauth_after --${entry.name}' -l ${one}`,
    ),
  );
  return [
    "# Completes the words of preauth in fish. Made by preauth --completion fish.",
    "function __preauth_servers",
    `    ${SERVERS}`,
    "end",
    "# Whether a verb is the first word.",
    "function __preauth_after",
    "    set -l words (commandline -opc)",
    '    test (count $words) -gt 1; and test "$words[2]" = $argv[1]',
    "end",
    "# Whether the word that is typed is the first of all, or the given one of a verb.",
    "function __preauth_at",
    "    set -l words (commandline -opc)",
    "    if test (count $argv) -eq 1",
    "        test (count $words) -eq $argv[1]",
    "        return",
    "    end",
    "    __preauth_after $argv[2]; or return 1",
    "    set -l at 1",
    "    set -l skip 0",
    "    for word in $words[3..-1]",
    "        if test $skip -eq 1",
    "            set skip 0",
    `        else if contains -- $word ${VALUED.join(" ")}`,
    "            set skip 1",
    "        else if not string match -q -- '-*' $word",
    "            set at (math $at + 1)",
    "        end",
    "    end",
    "    test $at -eq $argv[1]",
    "end",
    "complete -c preauth -f",
    "complete -c preauth -n '__preauth_at 1' -a '(__preauth_servers)'",
    ...verbs,
    ...words.flat(),
    ...options,
  ];
}

function listOf(kind: string): readonly string[] | undefined {
  return Object.entries(CHOICES).find(([name]) => name === kind)?.[1];
}
