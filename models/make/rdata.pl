# Prints the texts that an R package keeps in data/Rdata.rdb, a line of them a line. `perl rdata.pl Rdata.rdb`.
#
# The file is a row of objects, each a length (four bytes, the highest first) and a zlib stream of R's binary
# serialisation in version 3: 23 bytes of header, then the object. Only character vectors are read: a type word whose
# last byte is 16, the number of strings, and for each a type word, its length (-1: missing) and its bytes.
use strict;
use warnings;
use Compress::Zlib;

local $/;
open my $file, '<:raw', $ARGV[0] or die "$ARGV[0]: $!\n";
my $rest = <$file>;
while (length $rest > 4) {
    substr($rest, 0, 4) = '';
    my ($stream) = inflateInit() or die "no zlib\n";
    my ($object, $status) = $stream->inflate($rest);
    $status == Z_STREAM_END or die "$ARGV[0]: not a zlib stream\n";
    my ($type, $count) = unpack 'N N', substr $object, 23, 8;
    next if ($type & 255) != 16;
    my $position = 31;
    for (1 .. $count) {
        my $length = unpack 'N', substr $object, $position + 4, 4;
        $length = 0 if $length == 0xFFFFFFFF;
        print substr($object, $position + 8, $length), "\n";
        $position += 8 + $length;
    }
}
