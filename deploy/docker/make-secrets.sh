#!/bin/sh
# Writes fresh secrets for docker-compose.yml beside this script. A secret that is there already stays.
# The folder is closed to others; the files in it are readable, because the services read them as another user through a bind mount.
set -eu
folder="${1:-$(dirname "$0")/secrets}"
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

letters() { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "$1"; }
keep() {
  if [ ! -s "$folder/$1" ]; then printf '%s' "$2" >"$folder/$1"; fi
  chmod 644 "$folder/$1"
}

keep postgres-password "$(letters 40)"
keep database-url "postgres://pharos:$(cat "$folder/postgres-password")@postgres:5432/pharos"
keep api-gateway-key "$(letters 48)"
keep scanner-worker-key "$(letters 48)"
keep scheduler-key "$(letters 48)"
keep service-keys "api-gateway=$(cat "$folder/api-gateway-key"),scanner-worker=$(cat "$folder/scanner-worker-key"),scheduler=$(cat "$folder/scheduler-key")"
keep encryption-keys "k1=$(head -c 32 /dev/urandom | base64 | tr -d '\n')"
keep admin-token "phr_$(letters 12)_$(letters 43)"
echo "secrets are in $folder; the admin token is in $folder/admin-token"
