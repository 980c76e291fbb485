#!/bin/sh
# Makes a database cluster on an empty volume, then becomes the server. It reads the variables of the
# official image: POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, POSTGRES_USER, POSTGRES_DB, PGDATA.
set -eu

fail() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}

case ${1:-} in
  '' | -*) set -- postgres "$@" ;;
esac
[ "$1" = postgres ] || exec "$@"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  fi
  [ -n "${POSTGRES_PASSWORD:-}" ] || fail "POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE must be set"
  user=${POSTGRES_USER:-postgres}
  database=${POSTGRES_DB:-$user}

  # Made beside its place and moved when it is whole: a container that is killed on the way must not
  # leave half a cluster behind.
  new=$PGDATA.new
  rm -rf "$new"
  mkdir -p "${PGDATA%/*}"
  printf '%s' "$POSTGRES_PASSWORD" >"$PGDATA.password"
  initdb --pgdata="$new" --username="$user" --auth=scram-sha-256 --pwfile="$PGDATA.password" \
    --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 --no-instructions
  rm -f "$PGDATA.password"
  printf 'host all all all scram-sha-256\n' >>"$new/pg_hba.conf"
  if [ "$database" != postgres ]; then
    quoted=$(printf '%s' "$database" | sed 's/"/""/g')
    printf 'CREATE DATABASE "%s"\n' "$quoted" |
      postgres --single -D "$new" -c exit_on_error=on postgres >/dev/null
  fi
  rmdir "$PGDATA" 2>/dev/null || true
  mv "$new" "$PGDATA"
fi
unset POSTGRES_PASSWORD

shift
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories= "$@"
