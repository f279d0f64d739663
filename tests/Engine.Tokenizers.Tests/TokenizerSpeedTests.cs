using System.Diagnostics;
using Engine.Tokenizers;
using Engine.Tests;
using Xunit.Abstractions;

namespace Engine.Tokenizers.Tests;

/// <summary>Prints the speed of encoding on one core; run with <c>-c Release</c> and the detailed console logger.</summary>
public sealed class TokenizerSpeedTests(ITestOutputHelper output)
{
    [SharedTheory]
    [MemberData(nameof(GoldenTokenizerTests.Encoders), MemberType = typeof(GoldenTokenizerTests))]
    [MemberData(nameof(GoldenTokenizerTests.Decoders), MemberType = typeof(GoldenTokenizerTests))]
    [MemberData(nameof(GoldenTokenizerTests.SharedEncoders), MemberType = typeof(GoldenTokenizerTests))]
    [MemberData(nameof(GoldenTokenizerTests.SharedDecoders), MemberType = typeof(GoldenTokenizerTests))]
    public void Encoding_speed_is_printed(string name, string folder, string[] files)
    {
        Tokenizer tokenizer = TestTokenizer.Load(folder, files);
        string[] texts = File.ReadAllLines(SharedFiles.Path("data/glue/SST-2/train.tsv")).Take(8_000).ToArray();
        double megabytes = texts.Sum(text => (double)System.Text.Encoding.UTF8.GetByteCount(text)) / 1e6;
        double best = double.MaxValue;
        int tokens = 0;
        for (int round = 0; round < 3; round++)
        {
            long start = Stopwatch.GetTimestamp();
            tokens = texts.Sum(text => tokenizer.Encode(text).Length);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        output.WriteLine(
            $"{{\"tokenizer\": \"{name}\", \"from\": \"{files[0]}\", \"megabytes\": {megabytes:F2}, "
                + $"\"megabytes_per_second\": {megabytes / best:F1}, \"tokens\": {tokens}}}");
        Assert.True(tokens > texts.Length);
    }
}
