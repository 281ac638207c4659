#!/usr/bin/env bash
# Checks src/LAYERS: a module includes only itself and what its line allows. Prints each breach.
set -uo pipefail
cd "$(dirname "$0")/.."
bad=0
while IFS=: read -r module allowed; do
    case $module in '' | '#'*) continue ;; esac
    [ -d "src/$module" ] || { echo "src/LAYERS names src/$module, which does not exist"; bad=1; continue; }
    while IFS=: read -r file line text; do
        to=$(sed -n 's/.*"\([a-z]*\)\/.*/\1/p' <<<"$text")
        [ -z "$to" ] && { echo "$file:$line: include by module/file.h: $text"; bad=1; continue; }
        case " $module $allowed " in
            *" $to "*) ;;
            *) echo "$file:$line: $module may not include $to (src/LAYERS)"; bad=1 ;;
        esac
    done < <(grep -rnE '^ *# *include "' "src/$module" --include='*.[ch]')
done <src/LAYERS
for d in src/*/; do
    m=$(basename "$d")
    grep -q "^$m:" src/LAYERS || { echo "src/$m is not in src/LAYERS"; bad=1; }
done
exit $bad
