# Joins the wrapped lines of each paragraph of a plain-text book into one line, one paragraph per text.
# `start` is a regular expression: everything before the first paragraph that matches it is front matter.

BEGIN { RS = ""; FS = "\n" }

!started && $0 ~ start { started = 1 }

started {
    text = $0
    gsub(/[ \t\n]+/, " ", text)
    gsub(/^ | $|_/, "", text)
    if (split(text, words, " ") >= 3) {
        print text
    }
}
