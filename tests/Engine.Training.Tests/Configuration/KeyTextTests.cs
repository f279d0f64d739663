using System.Runtime.Serialization;
using Engine.Common.Keys;
using Engine.Optim.Methods;
using Engine.Training.Configuration;

namespace Engine.Training.Tests.Configuration;

/// <summary>What docs and messages say of a key is the summary of its property.</summary>
public sealed class KeyTextTests
{
    private enum Pace
    {
        [EnumMember(Value = "walking-pace")]
        Walk,
    }

    /// <summary>Keys whose summaries have what a summary may have.</summary>
    private sealed record Summaries : Method
    {
        public override string Name => "summaries";

        /// <summary>
        /// Over two
        /// lines, "quoted" \ and &lt;escaped&gt;.
        /// </summary>
        [Key]
        public double Plain { get; init; }

        /// <summary>Beside <see cref="Plain"/> and <see cref="ATwoWordKey"/>, <see cref="Pace.Walk"/> of <see cref="Pace"/>.</summary>
        [Key]
        public double References { get; init; }

        /// <summary>Code as in <c>a | b</c>, <see langword="true"/>, and a <see href="https://example.org/paper">paper</see>.</summary>
        [Key]
        public bool ATwoWordKey { get; init; }

        protected override TrainingMethod Create() => new Sam().CreatePlugIn();
    }

    [Theory]
    [InlineData("plain", "Over two lines, \"quoted\" \\ and <escaped>.")]
    [InlineData("references", "Beside `plain` and `a_two_word_key`, `walking-pace` of `Pace`.")]
    [InlineData("a_two_word_key", "Code as in `a | b`, `true`, and a [paper](https://example.org/paper).")]
    public void A_summary_becomes_markdown_and_calls_keys_as_run_files_do(string key, string expected)
    {
        MethodCatalog.Register<Summaries>();
        RunFileReferenceMethod summaries = RunFileReference.Methods.Single(method => method.Method == "summaries");
        Assert.Equal(expected, summaries.Entries.Single(entry => entry.Name == $"method.{key}").Description);
    }

    [Fact]
    public void Every_key_has_a_text_of_one_paragraph() => Assert.All(
        [.. RunFileReference.Entries, .. RunFileReference.Methods.SelectMany(method => method.Entries)],
        entry => Assert.Matches(@"\A\S.*\S\z", entry.Description));
}
