#!/usr/bin/env bash
# Writes the digest behind each image that is named by version alone, in the files that are given:
# what runs tomorrow is what was looked at today. A digest that is there is left alone.
set -euo pipefail

fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2 && exit 1; }

# Whichever tool is there asks the registry.
digest_of() {
  if command -v crane > /dev/null; then
    crane digest "$1"
  elif command -v skopeo > /dev/null; then
    skopeo inspect --no-tags --format '{{.Digest}}' "docker://$1"
  elif command -v docker > /dev/null; then
    docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1"
  else
    fail "to ask a registry, install crane, skopeo or docker"
  fi
}

# `image: NAME:VERSION` in a manifest, `FROM NAME:VERSION` in a Containerfile.
images_in() {
  sed -nE 's/^[[:space:]]*(- )?(image:|FROM) ([^@"[:space:]]+:[^@:"/[:space:]]+)([[:space:]].*)?$/\3/p' "$@" | sort -u
}

(($#)) || fail "which files?"
for image in $(images_in "$@"); do
  digest=$(digest_of "$image") || fail "no digest of $image"
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "$image: this is no digest: $digest"
  printf '%s is %s\n' "$image" "$digest"
  pattern=${image//./\\.}
  sed -i -E "s,((image:|FROM) $pattern)([[:space:]]|$),\\1@$digest\\3," "$@"
done

# An image without a version, or written in another way.
! grep -nHE '^[[:space:]]*(- )?(image:|FROM) [^@]*$' "$@" || fail "these are not pinned"
