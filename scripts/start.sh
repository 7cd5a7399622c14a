#!/bin/sh
# Starts Carnet on this machine alone: loopback, data under var/.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/scripts/setup.sh"
exec "$root/bin/carnet" serve --config "$root/examples/local/carnet.yaml" "$@"
