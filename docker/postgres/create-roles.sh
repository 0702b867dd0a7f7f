#!/bin/sh
# Runs once, on the empty volume: the owner of the tables and the two logins of the application.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 \
  --set owner_password="$MODELPLANE_OWNER_PASSWORD" \
  --set app_password="$MODELPLANE_APP_PASSWORD" \
  --set system_password="$MODELPLANE_SYSTEM_PASSWORD" <<'SQL'
create role modelplane_owner login nosuperuser nobypassrls nocreatedb nocreaterole password :'owner_password';
create role modelplane_app login nosuperuser nobypassrls nocreatedb nocreaterole password :'app_password';
create role modelplane_system login nosuperuser nobypassrls nocreatedb nocreaterole password :'system_password';
create database modelplane owner modelplane_owner;
SQL
