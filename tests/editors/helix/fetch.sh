#!/bin/sh
# Unpacks Debian 13's Helix with the C library it needs into the folder $1, on Debian 12; installs nothing.
# Afterwards $1/hx starts it: OASIS_TEST_HELIX=$1/hx pytest tests/editors/helix
set -eu
mkdir -p "$1/lists/partial" "$1/archives"
base=$(cd "$1" && pwd)
awk 'BEGIN { RS = ""; ORS = "\n\n" } /bookworm-updates/' /etc/apt/sources.list.d/debian.sources |
  sed 's/^Suites:.*/Suites: trixie/' > "$base/trixie.sources"
apt="apt-get -q -o Dir::Etc::sourcelist=$base/trixie.sources -o Dir::Etc::sourceparts=/dev/null
  -o Dir::State::lists=$base/lists -o APT::Sandbox::User=root"
$apt update
cd "$base/archives"
$apt download hx libc6 libgcc-s1
for archive in *.deb; do dpkg-deb -x "$archive" "$base/root"; done
libraries="$base/root/usr/lib/x86_64-linux-gnu"
cat > "$base/hx" <<END
#!/bin/sh
export HELIX_RUNTIME="$base/root/usr/lib/hx/runtime"
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$base/root/usr/lib/hx/hx" "\$@"
END
chmod +x "$base/hx"
