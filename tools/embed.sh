#!/usr/bin/env bash
# Prints an assembler file that embeds every file of a folder: embed.sh FOLDER > assets.S
# Table web_assets: {path pointer, path length, bytes pointer, bytes length} 64-bit each, ended by zeros.
set -euo pipefail
dir=$1
mapfile -t files < <(cd "$dir" && find . -type f ! -name '.made' | sed 's|^\./||' | LC_ALL=C sort)
echo '    .section .rodata'
i=0
for f in "${files[@]}"; do
    printf '    .balign 16\n.Lb%d:\n    .incbin "%s/%s"\n.Le%d:\n    .byte 0\n.Ln%d:\n    .asciz "/%s"\n' $i "$dir" "$f" $i $i "$f"
    i=$((i + 1))
done
echo '    .section .data.rel.ro,"aw"'
echo '    .balign 8'
echo '    .globl web_assets'
echo 'web_assets:'
for ((k = 0; k < i; k++)); do
    printf '    .quad .Ln%d, %d, .Lb%d, .Le%d - .Lb%d\n' $k $((${#files[$k]} + 1)) $k $k $k
done
echo '    .quad 0, 0, 0, 0'
echo '    .section .note.GNU-stack,"",@progbits'
