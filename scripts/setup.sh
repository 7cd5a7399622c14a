# Sourced with `root` set, by every script that needs the project's packages: installs them when they are missing or older
# than package-lock.json, and puts Node 26 and the project's tools first in PATH. It is POSIX sh because the Node that a
# checkout starts with may not run TypeScript.
cd "$root" || exit 1
stamp=node_modules/.carnet-installed

if [ ! -e "$stamp" ] || [ -n "$(find package-lock.json -newer "$stamp")" ]; then
  if ! command -v npm >/dev/null 2>&1; then
    echo "carnet: npm is not in PATH; install Node 20 or later with npm" >&2
    exit 69
  fi
  echo "carnet: installing the packages of package-lock.json, a minute or less ..." >&2
  # The project's own tools and the pinned Node are development and optional packages: NODE_ENV must not leave them out.
  # Not `npm ci`: it refuses a lockfile that lacks a tool's binary for some other platform, which not every registry has.
  # Versions and integrity come from the lockfile all the same, and --no-save leaves that as it is.
  install_packages() { npm install --no-save --include=dev --include=optional --loglevel=error --no-progress >/dev/null; }
  # A registry that hiccups is asked again.
  install_packages || install_packages || {
    echo "carnet: the packages could not be installed; npm's message stands above" >&2
    exit 69
  }
  touch "$stamp"
fi

. "$root/scripts/find-node.sh"
if ! find_node; then
  echo "carnet: needs Node 26, and no package of it for $(uname -s) $(uname -m) works here; put a Node 26 first in PATH" >&2
  exit 69
fi
PATH="$(dirname "$node"):$root/node_modules/.bin:$PATH"
export PATH
