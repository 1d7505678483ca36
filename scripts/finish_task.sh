#!/usr/bin/env bash
# Appends the entry of a finished task to HISTORY.md.
set -euo pipefail

readonly SECTIONS=(completed issues solutions well improve)
declare -rA HEADINGS=(
  [completed]="Completed work"
  [issues]="Issues met"
  [solutions]="Solutions"
  [well]="What went well"
  [improve]="What to improve"
)
declare -A entry=([date]="$(date +%F)")
history="$(cd "$(dirname "$0")/.." && pwd)/HISTORY.md"

usage() {
  cat <<'TEXT'
Usage: scripts/finish_task.sh --title TEXT --duration TEXT [--date YYYY-MM-DD]
           --completed TEXT --issues TEXT --solutions TEXT --well TEXT --improve TEXT
       scripts/finish_task.sh --title TEXT --duration TEXT [--date YYYY-MM-DD] --from FILE

Appends a task's entry to HISTORY.md. Nothing may be empty; where there is nothing to
tell, say so ("none").

  --from FILE     read the sections from FILE ("-": standard input), each below a line
                  of its own: [completed] [issues] [solutions] [well] [improve]
  --history FILE  append to FILE instead of HISTORY.md
TEXT
}

fail() {
  echo "finish_task.sh: $1" >&2
  usage >&2
  exit 2
}

read_options() {
  while (($#)); do
    local option="$1"
    case "$option" in
      -h | --help) usage; exit 0 ;;
      --title | --duration | --date | --completed | --issues | --solutions | --well | --improve | --from | --history)
        (($# >= 2)) || fail "$option needs a value"
        case "$option" in
          --from) read_sections "$2" ;;
          --history) history="$2" ;;
          *) entry["${option#--}"]="$2" ;;
        esac
        shift 2
        ;;
      *) fail "unknown option: $option" ;;
    esac
  done
}

read_sections() {
  local source="$1" line section=""
  [[ "$source" == "-" ]] && source=/dev/stdin
  [[ -r "$source" ]] || fail "cannot read $source"
  while IFS= read -r line || [[ -n "$line" ]]; do
    if [[ "$line" =~ ^\[([a-z]+)\]$ ]]; then
      section="${BASH_REMATCH[1]}"
      [[ -n "${HEADINGS[$section]:-}" ]] || fail "unknown section: [$section]"
    elif [[ -n "$section" ]]; then
      entry[$section]+="$line"$'\n'
    elif [[ "$line" == *[![:space:]]* ]]; then
      fail "text before the first section: $line"
    fi
  done <"$source"
}

trimmed() {
  local text="$1"
  text="${text#"${text%%[![:space:]]*}"}"
  printf '%s' "${text%"${text##*[![:space:]]}"}"
}

check_complete() {
  local field
  for field in title duration date "${SECTIONS[@]}"; do
    entry[$field]="$(trimmed "${entry[$field]:-}")"
    [[ -n "${entry[$field]}" ]] || fail "empty: $field"
  done
  [[ "${entry[date]}" =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] || fail "no date: ${entry[date]}"
}

append_entry() {
  [[ -s "$history" ]] || printf '# History\n\nOne entry per finished task, the latest last.\n' >"$history"
  {
    printf '\n## %s\n\n' "${entry[title]}"
    printf -- '- Date: %s\n- Duration: %s\n' "${entry[date]}" "${entry[duration]}"
    local section
    for section in "${SECTIONS[@]}"; do
      printf '\n### %s\n\n%s\n' "${HEADINGS[$section]}" "${entry[$section]}"
    done
  } >>"$history"
}

read_options "$@"
check_complete
append_entry
echo "appended to $history: ${entry[title]}"
