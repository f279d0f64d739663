# Turns one WordNet data file into texts, one per line. Read the file twice:
# `awk -v names=1 -f glosses.awk data.noun data.noun`.
#
# A synset line (wndb(5WN)) is
#   offset lex_filenum ss_type w_cnt  word lex_id ...  p_cnt  symbol target pos source/target ...  | gloss
# with w_cnt in hexadecimal and p_cnt in decimal. A synset becomes
#   words: parent, grandparent; definition
# because the words it stands under tell what a thing is where its definition only tells how it differs. Each quoted
# example sentence of the gloss becomes a text of its own. Without `names` synsets whose first word has a capital are left
# out: people, places, and the Latin of animals and plants.

function two_hex_digits(text,    digits) {
    digits = "0123456789abcdef"
    return 16 * (index(digits, substr(text, 1, 1)) - 1) + index(digits, substr(text, 2, 1)) - 1
}

# "domestic_dog" and the adjective "asleep(p)" as they stand in running text.
function spelled(word) {
    sub(/\((a|p|ip)\)$/, "", word)
    gsub(/_/, " ", word)
    return word
}

# The offset of the first hypernym (@) or, for a named thing, of what it is an instance of (@i); "" at the top.
function hypernym(    position, remaining) {
    position = 5 + 2 * two_hex_digits($4)
    for (remaining = $position; remaining > 0; remaining--) {
        if ($(position + 1) == "@" || $(position + 1) == "@i") {
            return $(position + 2)
        }
        position += 4
    }
    return ""
}

function print_text(text) {
    gsub(/[ \t]+/, " ", text)
    gsub(/^[ ;,:]+|[ ;,:]+$/, "", text)
    if (split(text, words_of_text, " ") >= 3) {
        print text
    }
}

$1 !~ /^[0-9]+$/ || length($1) != 8 { next }    # the licence at the head of the file

NR == FNR {
    name[$1] = spelled($5)
    parent[$1] = hypernym()
    next
}

{
    words = spelled($5)
    for (i = 2; i <= two_hex_digits($4); i++) {
        words = words ", " spelled($(3 + 2 * i))
    }

    above = parent[$1]
    kind = ""
    if (above != "") {
        kind = name[above]
        if (parent[above] != "") {
            kind = kind ", " name[parent[above]]
        }
        kind = kind "; "
    }

    if (!names && words ~ /^[A-Z]/) {
        next
    }

    definition = ""
    pieces = split(substr($0, index($0, " | ") + 3), piece, "\"")
    for (i = 1; i <= pieces; i++) {
        if (i % 2 == 0 && i < pieces) {
            print_text(piece[i])
        } else {
            definition = definition piece[i]
        }
    }

    # Without its examples a gloss keeps their separators: "a definition; ; ".
    gsub(/;[ ;,]*;/, ";", definition)
    print_text(words ": " kind definition)
}
