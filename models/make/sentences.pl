# Cuts paragraphs, one per line, into sentences, one per text: a sentence ends at a full stop, a question mark or an
# exclamation mark before a blank and a capital. One of more than 40 words is cut at its semicolons and colons, and what is
# still longer is left out, as are double quotation marks and marks of emphasis.
#
# Two of three sentences lose their capitals and their full stop, as people type; every third keeps them.
use strict;
use warnings;

my $number = 0;

sub words { return scalar(() = $_[0] =~ /\S+/g) }

sub print_text {
    my ($text) = @_;
    $text =~ s/^[ ,;:'()-]+|[ ,;:-]+$//g;
    return if words($text) < 3;
    if (++$number % 3 != 0) {
        $text = lc $text;
        $text =~ s/\.$//;
    }
    print "$text\n";
}

while (my $paragraph = <>) {
    $paragraph =~ s/["_*{}\[\]\r\n]//g;
    $paragraph =~ s/\xE2\x80[\x98\x99]/'/g;    # UTF-8's curly quotation marks and dashes
    $paragraph =~ s/\xE2\x80[\x9C\x9D]//g;
    $paragraph =~ s/\xE2\x80[\x93\x94]|--+/, /g;
    $paragraph =~ s/\s+/ /g;
    $paragraph =~ s/ ,/,/g;
    # A full stop behind a title or a single letter ends no sentence.
    $paragraph =~ s/\b(Mrs?|Ms|Dr|St|Esq|Rev|Capt|Col|Gen|Prof|Hon|Jr|Sr|etc|vs|esp|usu|[A-Z])\. /$1\001 /g;
    $paragraph =~ s/([.!?]['\)]*) +(?=[A-Z'(])/$1\002/g;
    for my $sentence (split /\002/, $paragraph) {
        $sentence =~ s/\001/./g;
        print_text($_) for grep { words($_) <= 40 } words($sentence) > 40 ? split(/[;:] /, $sentence) : ($sentence);
    }
}
