using Engine.Tokenizers;

namespace Engine.Tokenizers.Tests;

/// <summary>The examples of the documentation of Hugging Face's tokenizers.</summary>
public sealed class PreTokenizerTests
{
    [Fact]
    public void Digits_are_cut_off_in_runs_or_one_by_one()
    {
        Assert.Equal(["Hey ", "123", " friend!"], Cut(new DigitsPreTokenizer(individual: false), "Hey 123 friend!"));
        Assert.Equal(["Hey ", "1", "2", "3", " friend!"], Cut(new DigitsPreTokenizer(individual: true), "Hey 123 friend!"));
    }

    [Fact]
    public void Metaspace_marks_blanks_and_starts_a_piece_at_each()
    {
        Assert.Equal(
            ["▁Hey", "▁my", "▁", "▁", "▁friend"],
            Cut(new MetaspacePreTokenizer('▁', PrependScheme.Always, split: true), "Hey my   friend"));
        Assert.Equal(["▁Hey▁friend!"], Cut(new MetaspacePreTokenizer('▁', PrependScheme.First, split: false), "Hey friend!"));
        Assert.Equal(["Hey", "▁friend!"], Cut(new MetaspacePreTokenizer('▁', PrependScheme.Never, split: true), "Hey friend!"));
    }

    [Fact]
    public void Bert_cuts_at_white_space_and_punctuation() =>
        Assert.Equal(
            ["Hey", "friend", "!", "How", "are", "you", "?", "!", "?"], Cut(new BertPreTokenizer(), "Hey friend!     How are you?!?"));

    [Fact]
    public void Literal_delimiter_goes_where_its_behavior_says()
    {
        Assert.Equal(["the", "-", "final", "-", "-", "countdown"], Cut(DelimiterBehavior.Isolated));
        Assert.Equal(["the", "final", "countdown"], Cut(DelimiterBehavior.Removed));
        Assert.Equal(["the-", "final-", "-", "countdown"], Cut(DelimiterBehavior.MergedWithPrevious));
        Assert.Equal(["the", "-final", "-", "-countdown"], Cut(DelimiterBehavior.MergedWithNext));

        static string[] Cut(DelimiterBehavior behavior) =>
            PreTokenizerTests.Cut(new LiteralSplitPreTokenizer("-", behavior), "the-final--countdown");
    }

    [Fact]
    public void Later_pre_tokenizers_cut_the_pieces_of_earlier_ones() =>
        Assert.Equal(
            ["a", "1", "2", ".", "b"],
            Cut(new SequencePreTokenizer([new BertPreTokenizer(), new DigitsPreTokenizer(individual: true)]), "a 12.b"));

    private static string[] Cut(IPreTokenizer preTokenizer, string text)
    {
        List<Piece> pieces = [];
        preTokenizer.Split(new Piece(new AlignedText(text), startsText: true), pieces);
        return [.. pieces.Select(piece => piece.Span.ToString())];
    }
}
