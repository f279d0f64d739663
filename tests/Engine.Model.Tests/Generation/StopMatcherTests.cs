using Engine.Model.Generation;

namespace Engine.Model.Tests.Generation;

public sealed class StopMatcherTests
{
    [Fact]
    public void Text_is_cut_before_a_stop_string_that_spans_pieces()
    {
        var stop = new StopMatcher(["\nUser:"]);
        Assert.Equal("Hello", stop.Add("Hello\nUs"));
        Assert.False(stop.Stopped);
        Assert.Equal("", stop.Add("er"));
        Assert.Equal("", stop.Add(": more"));
        Assert.True(stop.Stopped);
        Assert.Equal("", stop.Add("and more"));
    }

    [Fact]
    public void Held_text_comes_when_it_is_no_stop_string_after_all()
    {
        var stop = new StopMatcher(["abcd", "bx"]);
        Assert.Equal("1", stop.Add("1abc"));
        Assert.Equal("abce", stop.Add("e"));
        Assert.Equal("c", stop.Add("cab"));
        Assert.Equal("ab", stop.Flush());
        Assert.False(stop.Stopped);
    }

    [Fact]
    public void The_earliest_stop_string_counts()
    {
        var stop = new StopMatcher(["three", "two"]);
        Assert.Equal("one ", stop.Add("one two three"));
        Assert.True(stop.Stopped);
    }

    /// <summary>Whatever the pieces, the text is that before the first stop string, and nothing given out is ever taken back.</summary>
    [Fact]
    public void Every_way_to_cut_a_text_gives_the_same()
    {
        const string Text = "aabaabaaab aab end";
        foreach (string[] stops in (string[][])[["aaab"], ["ab e", "aaaa"], ["x"], ["b aab end!", "aab e"]])
        {
            int at = stops.Select(stop => Text.IndexOf(stop, StringComparison.Ordinal))
                .Where(index => index >= 0).DefaultIfEmpty(Text.Length).Min();
            for (int first = 0; first <= Text.Length; first++)
            {
                for (int second = first; second <= Text.Length; second++)
                {
                    var matcher = new StopMatcher(stops);
                    string given = matcher.Add(Text[..first]) + matcher.Add(Text[first..second]) + matcher.Add(Text[second..]);
                    Assert.Equal(Text[..at], given + (matcher.Stopped ? "" : matcher.Flush()));
                }
            }
        }
    }
}
