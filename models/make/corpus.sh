#!/bin/bash
# Builds the pretraining texts in the folder of this script, one text per line: dictionary.txt, which the tokenizer and the
# first run learn from, and corpus.txt, which the later runs do. Every 50th line of NAME.txt is in NAME-validation.txt, the
# others are in NAME-train.txt. Needs Debian's apt-get and dpkg-deb, and perl; installs nothing.
#
# The same package versions give the same bytes: the order comes from sorting and from a seeded generator in awk,
# whose arithmetic is exact in double precision, not from the shell's or awk's own random numbers.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
apt-get download wordnet-base dict-devil dict-jargon r-cran-janeaustenr r-cran-tokenizers sword-text-web \
    golang-github-pierrec-lz4-dev
for package in ./*.deb; do
    dpkg-deb --extract "$package" root
done

r=root/usr/lib/R/site-library
web=root/usr/share/sword/modules/texts/ztext/engWEB2015eb
books=root/usr/share/gocode/src/github.com/pierrec/lz4/testdata

# What lies between two lines of a file, in paragraphs: `between START END < FILE`, each a regular expression.
between() {
    tr -d '\r' | sed -n "/$1/,/$2/p" | sed '$d' | awk -v start=. -f "$here/paragraphs.awk"
}

# `glosses NAMES`: WordNet's synsets and examples, those of names too where NAMES is 1.
glosses() {
    for part in noun verb adj adv; do
        data=root/usr/share/wordnet/data.$part
        awk -v names="$1" -f "$here/glosses.awk" "$data" "$data"
    done
}

{
    glosses 1
    gzip -dc < root/usr/share/dictd/devil.dict.dz | awk -v start='^ABASEMENT' -f "$here/paragraphs.awk"
} > dictionary.texts

glosses 0 > corpus.texts
{
    gzip -dc < root/usr/share/dictd/devil.dict.dz | awk -v start='^ABASEMENT' -f "$here/paragraphs.awk"
    gzip -dc < root/usr/share/dictd/jargon.dict.dz | awk -v start='^abbrev' -f "$here/paragraphs.awk"
    perl "$here/rdata.pl" "$r/janeaustenr/data/Rdata.rdb" | awk -v start=. -f "$here/paragraphs.awk"
    perl "$here/rdata.pl" "$r/tokenizers/data/Rdata.rdb" | between '^CHAPTER 1\. Loomings' '^\*\*\* END OF'
    between '^ADVENTURE I\. A SCANDAL' '^\*\*\* END OF' < "$books/pg1661.txt"
    awk -v start='^MOST of the adventures' -f "$here/paragraphs.awk" "$books/Mark.Twain-Tom.Sawyer.txt"
    perl "$here/sword.pl" "$web/nt" "$web/ot"
} | perl "$here/sentences.pl" >> corpus.texts

# Printable ASCII only; each text once; then shuffled by the minimal-standard generator (Park and Miller 1988),
# x <- 16807 x mod (2^31 - 1).
for name in dictionary corpus; do
    grep -v '[^ -~]' $name.texts |
        sort -u |
        awk 'BEGIN { x = 20261122 } { x = (16807 * x) % 2147483647; printf "%010d %s\n", x, $0 }' |
        sort -n -k 1,1 |
        cut -d ' ' -f 2- > $name.txt
    awk 'NR % 50 != 0' $name.txt > $name-train.txt
    awk 'NR % 50 == 0' $name.txt > $name-validation.txt
    wc -l -c $name.txt $name-train.txt $name-validation.txt
    mv $name.txt $name-train.txt $name-validation.txt "$here"
done
