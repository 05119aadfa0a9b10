/**
 * A script for root's sh: installs the Debian packages of its arguments without starting their services.
 *
 * invoke-rc.d and deb-systemd-invoke ask /usr/sbin/policy-rc.d, where 101 means "not allowed"; ours stands
 * there only meanwhile. One that was there before is set aside and put back, also after Ctrl-C, and at the
 * next run when this one was killed. The lists of packages are fetched when they do not have what is asked
 * for, or when what they name is gone from the server.
 */
export const INSTALL = `
set -u
policy=/usr/sbin/policy-rc.d
aside=$policy.before-preauth
restore() {
  if grep -qs "for the set-up of preauth" "$policy"; then rm -f "$policy"; fi
  if [ -e "$aside" ] || [ -L "$aside" ]; then mv -f "$aside" "$policy"; fi
}
restore
trap restore EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$aside" || exit 1; fi
printf '#!/bin/sh\\n# for the set-up of preauth: no service starts meanwhile\\nexit 101\\n' >"$policy.new" &&
  chmod 755 "$policy.new" && mv "$policy.new" "$policy" || exit 1

export DEBIAN_FRONTEND=noninteractive
install() { apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=60 "$@" </dev/null >/dev/null; }
if ! install --simulate install "$@" 2>/dev/null; then apt-get -qq update; fi
install install "$@" || { apt-get -qq update; install install "$@"; }
`;
