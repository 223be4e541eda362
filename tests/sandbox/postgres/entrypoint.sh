#!/bin/sh
# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Make the cluster on first start, as the official image does, then become the server.
set -eu

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # Made beside and moved in, PG_VERSION last: a start that is killed half-way begins anew at the next one.
    fresh="$PGDATA/.init"
    rm -rf "$fresh"
    mkdir -m 0700 "$fresh"
    password_file=$(mktemp)
    printf '%s' "$POSTGRES_PASSWORD" >"$password_file"
    initdb --no-sync --username="$POSTGRES_USER" --pwfile="$password_file" --auth-local=trust --auth-host=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 --pgdata="$fresh" >/dev/null
    rm "$password_file"
    echo 'host all all all scram-sha-256' >>"$fresh/pg_hba.conf"
    echo 'host replication all all scram-sha-256' >>"$fresh/pg_hba.conf"
    pg_ctl --pgdata="$fresh" --silent --wait --options="-c listen_addresses='' -c fsync=off" start >/dev/null
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    psql --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --quiet --set=ON_ERROR_STOP=1 --single-transaction \
        --file="/usr/local/share/rendiff/$RENDIFF_SCHEMA.sql"
    pg_ctl --pgdata="$fresh" --silent --wait --mode=fast stop >/dev/null
    sync
    find "$fresh" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PGDATA" {} +
    mv "$fresh/PG_VERSION" "$PGDATA/"
    rmdir "$fresh"
fi

exec "$@"
