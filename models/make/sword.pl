# Prints the text of a SWORD module in zText format, a paragraph a line. `perl sword.pl FOLDER/nt FOLDER/ot`.
#
# NAME.bzs has twelve bytes a block, the lowest first: where in NAME.bzz its zlib stream begins, how long it is, and the
# length of what it holds, which is OSIS, an XML. Notes and titles are left out, and of everything else the tags.
use strict;
use warnings;
use Compress::Zlib;

sub content {
    local $/;
    open my $file, '<:raw', $_[0] or die "$_[0]: $!\n";
    return <$file>;
}

for my $name (@ARGV) {
    my ($blocks, $streams) = (content("$name.bzs"), content("$name.bzz"));
    for my $block (0 .. length($blocks) / 12 - 1) {
        my ($start, $length) = unpack 'V V', substr $blocks, 12 * $block, 8;
        my $text = uncompress(substr $streams, $start, $length) // die "$name.bzz: block $block is not a zlib stream\n";
        $text =~ s/\s+/ /g;
        $text =~ s/<(note|title)\b[^>]*>.*?<\/\1>/ /g;
        $text =~ s/<(?:div|chapter|lg|l|lb|p)\b[^>]*>/\n/g;
        $text =~ s/<[^>]*>//g;
        print "$text\n";
    }
}
