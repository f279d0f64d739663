#!/bin/bash
# Builds the pretraining text in the folder of this script: corpus.txt, and from it corpus-train.txt and
# corpus-validation.txt (every 50th line). One text per line. Needs Debian's apt-get and dpkg-deb; installs nothing.
#
# The same package versions give the same bytes: the order comes from sorting and from a seeded generator in awk,
# whose arithmetic is exact in double precision, not from the shell's or awk's own random numbers.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
apt-get download wordnet-base dict-devil
for package in ./*.deb; do
    dpkg-deb --extract "$package" root
done

for part in noun verb adj adv; do
    data=root/usr/share/wordnet/data.$part
    awk -f "$here/glosses.awk" "$data" "$data"
done > texts

gzip -dc < root/usr/share/dictd/devil.dict.dz |
    awk -v start='^ABASEMENT' -f "$here/paragraphs.awk" >> texts

# Printable ASCII only; each text once; then shuffled by the minimal-standard generator (Park and Miller 1988),
# x <- 16807 x mod (2^31 - 1).
grep -v '[^ -~]' texts |
    sort -u |
    awk 'BEGIN { x = 20261122 } { x = (16807 * x) % 2147483647; printf "%010d %s\n", x, $0 }' |
    sort -n -k 1,1 |
    cut -d ' ' -f 2- > corpus.txt

awk 'NR % 50 != 0' corpus.txt > corpus-train.txt
awk 'NR % 50 == 0' corpus.txt > corpus-validation.txt

wc -l -c corpus.txt corpus-train.txt corpus-validation.txt
mv corpus.txt corpus-train.txt corpus-validation.txt "$here"
