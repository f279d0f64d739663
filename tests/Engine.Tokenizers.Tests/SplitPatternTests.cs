using System.Text;
using System.Text.RegularExpressions;
using Engine.Tokenizers;

namespace Engine.Tokenizers.Tests;

/// <summary>
/// The hand-written scanners against the regular expression engine of .NET, over the basic plane (that engine sees halves of the other
/// planes' characters).
/// </summary>
public sealed class SplitPatternTests
{
    private const int Texts = 20_000;

    [Theory]
    [InlineData(SplitPattern.Gpt2)]
    [InlineData(SplitPattern.Qwen2)]
    [InlineData(SplitPattern.Llama3)]
    public void Scanner_cuts_random_text_as_its_regular_expression(string pattern)
    {
        Regex regex = new(pattern, RegexOptions.CultureInvariant);
        PieceScanner scanner = SplitPattern.Find(pattern)!;
        Random random = new(7);
        for (int i = 0; i < Texts; i++)
        {
            string text = RandomText(random);
            Assert.Equal(regex.Matches(text).Select(match => match.Value), Cut(scanner, text));
        }
    }

    [Fact]
    public void Contractions_of_Qwen2_fold_the_long_s()
    {
        Assert.Equal(["it", "'ſ", "x"], Cut(SplitPattern.ScanQwen2, "it'ſx"));
        Assert.Equal(["it", "'", "ſx"], Cut(SplitPattern.ScanGpt2, "it'ſx"));
    }

    [Fact]
    public void Characters_beyond_the_basic_plane_have_their_class()
    {
        // U+1D400 is a letter, U+1D7CE a digit, U+1F600 a symbol.
        Assert.Equal(
            ["a\U0001D400", " \U0001D7CE", "\U0001F600\U0001F600"],
            Cut(SplitPattern.ScanGpt2, "a\U0001D400 \U0001D7CE\U0001F600\U0001F600"));
        Assert.Equal(
            ["\U0001F600\U0001D400", "\U0001D7CE", "\U0001D7CE"], Cut(SplitPattern.ScanQwen2, "\U0001F600\U0001D400\U0001D7CE\U0001D7CE"));
    }

    private static List<string> Cut(PieceScanner scanner, string text)
    {
        List<string> pieces = [];
        for (int start = 0; start < text.Length;)
        {
            int end = scanner(text, start);
            pieces.Add(text[start..end]);
            start = end;
        }

        return pieces;
    }

    private static string RandomText(Random random)
    {
        const string Frequent = "   \n\r\t'''sStTrRevVEmMlLdDab12.,!-\u00A0\u0085\u2028\u3000é中";
        StringBuilder text = new();
        for (int length = random.Next(1, 24); length > 0; length--)
        {
            char character = random.Next(4) > 0 ? Frequent[random.Next(Frequent.Length)] : (char)random.Next(0x10000);
            // The engine of .NET does not fold the long s to s, which Oniguruma does.
            text.Append(char.IsSurrogate(character) || character == 'ſ' ? 'x' : character);
        }

        return text.ToString();
    }
}
