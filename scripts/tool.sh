#!/bin/sh
# Runs a tool of the project: tool.sh TOOL [ARGUMENT...]
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/scripts/setup.sh"
exec "$@"
