#!/bin/sh
# Puts Alertmanager 0.32 or newer and its amtool into .cache/alertmanager: the package of Debian's
# next release, unpacked and not installed. It needs apt and the network, but neither root nor
# that release.
#
# Which version that is moves until the release is frozen, so the tests print it.
set -eu

RELEASE=forky
OLDEST=0.32

cd "$(dirname "$0")/../.."
target=$PWD/.cache/alertmanager
if test -e "$target"; then
  exit 0
fi

fail() {
  echo "No newer Alertmanager: $1; the tests that need it are skipped" >&2
  exit 1
}

command -v apt-get > /dev/null || fail "it comes by apt-get, and there is none"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
test -e "$keys" || fail "its signature cannot be checked without debian-archive-keyring"

mkdir -p .cache
work=$(mktemp -d "$PWD/.cache/alertmanager.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/none" "$work/lists/partial" "$work/archives/partial"
: > "$work/status"

# Where this machine's own packages come from; its settings for apt, such as a proxy, hold as well.
# shellcheck disable=SC2016 # apt fills it in
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
echo "deb [signed-by=$keys] ${mirror:-http://deb.debian.org/debian} $RELEASE main" > "$work/sources.list"

# A root of its own, so that the machine's apt never hears of that release.
cat > "$work/apt.conf" << END
Dir::Etc { SourceList "$work/sources.list"; SourceParts "$work/none"; };
Dir::Etc { Preferences "/dev/null"; PreferencesParts "$work/none"; };
Dir { State "$work"; State::Status "$work/status"; Cache "$work"; };
APT::Sandbox::User "$(id -un)";
APT::Update::Error-Mode "any";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
// What the machine does after an update of its own: clean its cache, tell the desktop.
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
apt() { apt-get --quiet=2 --config-file="$work/apt.conf" "$@"; }

echo "Fetching the Alertmanager of Debian $RELEASE into .cache/alertmanager, once"
apt update || fail "Debian $RELEASE cannot be read"
(cd "$work" && apt download prometheus-alertmanager) || fail "Debian $RELEASE does not hand it out"
package=$(echo "$work"/*.deb)
version=$(dpkg-deb --field "$package" Version)
dpkg --compare-versions "$version" ge "$OLDEST" || fail "Debian $RELEASE has $version"
dpkg-deb --extract "$package" "$work/unpacked"
"$work/unpacked/usr/bin/prometheus-alertmanager" --version > /dev/null || fail "$version does not run here"
# The last step, and one that is done or not: what is in its place is whole.
mv -T "$work/unpacked" "$target"
