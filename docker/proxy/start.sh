#!/bin/sh
# Write nginx's configuration from the variables below, and run nginx in the foreground.
set -eu
TLS=${TLS:-/tls}
RUN=${RUN:-/run/proxy}
MODULES=${MODULES:-/usr/lib/nginx/modules}
UPSTREAM=${UPSTREAM:-service-internet:8000}
LISTEN=${LISTEN:-0.0.0.0}
HTTPS_PORT=${HTTPS_PORT:-8443}
HTTP_PORT=${HTTP_PORT:-8080}
HEAD_S=${HEAD_S:-10}
IDLE_S=${IDLE_S:-35}
CONNECTIONS=${CONNECTIONS:-2000}
CONNECTIONS_PER_ADDRESS=${CONNECTIONS_PER_ADDRESS:-64}
UPLOADS_PER_ADDRESS=${UPLOADS_PER_ADDRESS:-16}
REQUESTS_PER_S=${REQUESTS_PER_S:-50}
REQUESTS_BURST=${REQUESTS_BURST:-400}

for file in fullchain.pem privkey.pem; do
    if [ ! -r "$TLS/$file" ]; then
        echo "proxy: $file cannot be read; set TLS_FOLDER to the folder that holds it," \
            "and let user $(id -u) read it" >&2
        exit 1
    fi
done
rm -f "$RUN/http.sock" "$RUN/https.sock"
SERVERS=$(for each in $UPSTREAM; do printf 'server %s fail_timeout=2s; ' "$each"; done)
set --
for name in TLS RUN MODULES SERVERS LISTEN HTTPS_PORT HTTP_PORT HEAD_S IDLE_S CONNECTIONS \
    CONNECTIONS_PER_ADDRESS UPLOADS_PER_ADDRESS REQUESTS_PER_S REQUESTS_BURST; do
    eval "value=\$$name"
    set -- "$@" -e "s|@$name@|$value|g"
done
sed "$@" "$(dirname "$0")/nginx.conf.in" > "$RUN/nginx.conf"
exec nginx -e stderr -c "$RUN/nginx.conf"
