#!/bin/sh
# Every gate, then every test: test.sh [VITEST ARGUMENT...]. The last line is `N passed, N failed, N skipped`, gates included.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/scripts/setup.sh"

export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
passed=0
failed=0

# gate NAME COMMAND...: one line when it holds, its whole output when it does not.
gate() {
  name=$1
  shift
  if "$@" >"$work/output" 2>&1; then
    passed=$((passed + 1))
    echo "✓ $name"
  else
    failed=$((failed + 1))
    echo "✗ $name: $*"
    cat "$work/output"
  fi
}

# silent COMMAND...: for a tool that ends well with warnings; whatever it prints is a failure.
silent() {
  output=$("$@" 2>&1)
  ended=$?
  [ -z "$output" ] || printf '%s\n' "$output"
  [ "$ended" -eq 0 ] && [ -z "$output" ]
}

gate 'format and lint' biome ci --colors=off --error-on-warnings .
gate 'types' tsc --project .
gate 'dead code' knip --no-progress
gate 'openapi.yaml' redocly lint openapi.yaml
gate 'Dockerfile' silent dockerfile-utils lint Dockerfile
gate 'docker-compose.yml' dclint --max-warnings 0 docker-compose.yml
gate 'demo' node demo/demo.ts

CLOSING_LINE_FILE="$work/closing" vitest run "$@"
status=$?
line=
[ -r "$work/closing" ] && line=$(tail -n 1 "$work/closing")
case "$line" in
  *' passed, '*' failed, '*' skipped')
    # shellcheck disable=SC2086 # split into words on purpose
    set -- $line
    passed=$((passed + $1))
    tests_failed=$3
    skipped=$5
    ;;
  *)
    echo '✗ vitest ended without a result'
    tests_failed=1
    skipped=0
    ;;
esac
# A run that vitest itself calls failed must not end with `0 failed`.
if [ "$status" -ne 0 ] && [ "$tests_failed" -eq 0 ]; then tests_failed=1; fi
failed=$((failed + tests_failed))

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
