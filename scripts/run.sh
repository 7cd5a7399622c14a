#!/bin/sh
# Runs a TypeScript file of the project: run.sh FILE [ARGUMENT...]
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/scripts/setup.sh"
exec "$node" "$@"
