#!/usr/bin/env bash
# A PostgreSQL server of one's own, for tests and benchmarks: on loopback, in one folder, with
# prepared transactions, everything forced to disk, and no password. PostgreSQL refuses to run as
# root; root runs it as the user `postgres`.
#
#   tools/postgres.sh version          prints the version of the programs; fails if there are none
#   tools/postgres.sh start DIR [PORT] makes the server if DIR is new, starts it, prints HOST PORT USER
#   tools/postgres.sh crash DIR        ends it as a power cut would
#   tools/postgres.sh stop DIR         stops it in order
set -eu

say() {
  echo "$1" >&2
  exit 2
}

find_programs() {
  for folder in $(ls -d /usr/lib/postgresql/*/bin /usr/local/pgsql/bin 2>/dev/null | sort -rV); do
    if [ -x "$folder/postgres" ]; then echo "$folder" && return; fi
  done
  found=$(command -v postgres) || say \
    "No PostgreSQL was found. Install it: apt-get install postgresql, or brew install postgresql"
  dirname "$found"
}

programs=$(find_programs)
command=${1:-help}
folder=${2:-}

as_owner() {
  if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

settings() { # PORT
  cat <<END
listen_addresses = '127.0.0.1'
port = $1
unix_socket_directories = ''
max_connections = 200
max_prepared_transactions = 400
fsync = on
synchronous_commit = on
shared_buffers = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
log_min_messages = fatal
END
}

free_port() {
  # Ephemeral ports begin at 32768: what is below is not given out while this server is down.
  for try in $(seq 20 60); do
    port=$((20000 + ($$ * 31 + try * 97) % 10000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port" && return; fi
  done
}

case $command in
  version) "$programs/postgres" --version ;;
  start)
    [ -n "$folder" ] || say "Usage: tools/postgres.sh start DIR [PORT]"
    mkdir -p "$folder"
    [ "$(id -u)" -ne 0 ] || chown postgres "$folder"
    folder=$(cd "$folder" && pwd)
    if [ ! -e "$folder/data/PG_VERSION" ]; then
      as_owner "$programs/initdb" -D "$folder/data" -U trunkline -A trust -E UTF8 --locale=C >/dev/null
      settings "${3:-$(free_port)}" | as_owner tee -a "$folder/data/postgresql.conf" >/dev/null
    fi
    # The log must not be this script's output: whoever reads that would wait for the server's end.
    as_owner "$programs/pg_ctl" start -D "$folder/data" -l "$folder/log" -w -t 60 >/dev/null || {
      cat "$folder/log" >&2
      exit 1
    }
    port=$(sed -nE 's/^port = ([0-9]+)$/\1/p' "$folder/data/postgresql.conf" | tail -n 1)
    echo "127.0.0.1 $port trunkline"
    ;;
  crash) as_owner "$programs/pg_ctl" stop -D "$folder/data" -m immediate -w >/dev/null ;;
  stop) as_owner "$programs/pg_ctl" stop -D "$folder/data" -m fast -w >/dev/null ;;
  *) say "Usage: tools/postgres.sh version | start DIR [PORT] | crash DIR | stop DIR" ;;
esac
