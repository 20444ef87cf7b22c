#!/usr/bin/env bash
# Installs the Debian packages that the editors' tests need (packages.txt); as another user, only tells of them.
set -euo pipefail
list=$(dirname "${BASH_SOURCE[0]}")/packages.txt
missing=()
while read -r package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done < "$list"
[ "${#missing[@]}" = 0 ] && exit 0
[ "$(id -u)" = 0 ] || { echo "Install these packages first: apt install ${missing[*]}" >&2; exit 1; }
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
