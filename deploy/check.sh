#!/bin/sh
# Builds the image and goes through the service in it (check.py), as the image's user and as another one.
#   deploy/check.sh BASE        BASE: the image to build on, as FROM takes it
# Needs buildah, no daemon. More arguments go to `buildah build`, such as --volume for a package index of your own.
# BUILDAH_ISOLATION=chroot where no namespaces can be made.
set -eu
base=$1
shift
here=$(dirname "$0")
image=surgeplan-check container=
trap 'test -z "$container" || buildah rm "$container" >/dev/null' EXIT
buildah build --build-arg "BASE=$base" --format docker --file "$here/Containerfile" --ignorefile "$here/../.containerignore" \
  --tag "$image" "$@" "$here/.."
container=$(buildah from "$image")
for user in surgeplan 12345:12345; do
  workspace=$(mktemp -d)
  chmod 777 "$workspace"
  echo "as $user"
  # A folder that this user makes, which git wants; and not on /workspace, where buildah puts the image's own volume over the one it is given.
  buildah run --user "$user" --volume "$workspace:/shop" "$container" -- python - /shop/example <"$here/check.py"
  rm -rf "$workspace"
done
