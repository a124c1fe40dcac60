#!/bin/sh
# /usr/local/bin/latchkey: the command line with the environment of the service, for it and for you.
file=/etc/latchkey/latchkey.env
main=/opt/latchkey/dist/server/cli/main.js
if [ -e "$file" ]; then exec node --env-file="$file" "$main" "$@"; fi
exec node "$main" "$@"
