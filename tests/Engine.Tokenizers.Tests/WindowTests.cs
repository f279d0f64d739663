using Engine.Tests;

namespace Engine.Tokenizers.Tests;

/// <summary>Windows of a text that is longer than fits, by the rules of Hugging Face's tokenizers.</summary>
public sealed class WindowTests
{
    private static readonly Tokenizer Bert = Tokenizer.Load(SharedFiles.Path("goldens/tokenizers/all-MiniLM-L6-v2"));

    [Fact]
    public void Windows_share_their_stride_and_cover_the_text_once()
    {
        const string Question = "who came home", Context = "one two three four five six seven eight nine ten";
        IReadOnlyList<TextWindow> windows = Bert.EncodeWindows(Question, Context, maxLength: 10, stride: 1);

        // 10 less 3 special tokens and 3 of the question leave 4; each window goes on 3 further: 0-4, 3-7, 6-10.
        Assert.Equal([4, 4, 4], windows.Select(window => window.Count));
        string[] words = Context.Split(' ');
        Assert.Equal(
            [words[..4], words[3..7], words[6..10]],
            windows.Select(window => window.Encoding.Offsets![window.Start..(window.Start + window.Count)]
                .Select(offset => Context[offset.Start..offset.End]).ToArray()));
        Assert.All(windows, window => Assert.Equal(10, window.Encoding.Length));
        Assert.All(windows, window => Assert.Equal(Bert.ClsId, window.Encoding.Ids[0]));
        Assert.All(windows, window => Assert.Equal([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], window.Encoding.TypeIds));
    }

    [Fact]
    public void A_text_that_fits_is_one_window_as_a_pair_is_encoded()
    {
        TextWindow window = Assert.Single(Bert.EncodeWindows("who came", "one two", maxLength: 7, stride: 6));
        Assert.Equal(7, window.Encoding.Length);
        Assert.Equal(Bert.Encode("who came", "one two", maxLength: null).Ids, window.Encoding.Ids);
        Assert.Equal((4, 2), (window.Start, window.Count));
    }

    [Fact]
    public void A_first_text_that_leaves_no_room_is_refused()
    {
        Assert.Contains(
            "the first text has 3 tokens, so that of a maximum length of 8 2 are left",
            Assert.Throws<ArgumentException>(() => Bert.EncodeWindows("who came home", "one two three", 8, stride: 2)).Message,
            StringComparison.Ordinal);
    }
}
