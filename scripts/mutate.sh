#!/bin/sh
# Measures the tests by mutants, at low priority: mutate.sh verifiers|policy [FILE...]. Reports land in var/mutation/.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/scripts/setup.sh"
folder=${1:-}
case "$folder" in
  verifiers | policy) shift ;;
  *)
    echo "usage: npm run mutate -- verifiers|policy [FILE...]" >&2
    exit 64
    ;;
esac
files=
for file in "$@"; do files="$files${files:+,}src/$folder/$file"; done
CARNET_MUTATED_FOLDER=$folder exec nice -n 19 stryker run \
  --mutate "${files:-src/$folder/**/*.ts}" \
  --incrementalFile "var/mutation/$folder.json"
