using System.Diagnostics;
using Engine.Tokenizers;
using Engine.Tests;

namespace Engine.Tokenizers.Tests;

/// <summary>One tokenizer, four threads: each line has the ids and the text that Hugging Face's tokenizers wrote.</summary>
public sealed class TokenizerThreadsTests
{
    [Theory]
    [MemberData(nameof(GoldenTokenizerTests.Encoders), MemberType = typeof(GoldenTokenizerTests))]
    [MemberData(nameof(GoldenTokenizerTests.Decoders), MemberType = typeof(GoldenTokenizerTests))]
    [SharedMemberData(nameof(GoldenTokenizerTests.SharedEncoders), MemberType = typeof(GoldenTokenizerTests))]
    [SharedMemberData(nameof(GoldenTokenizerTests.SharedDecoders), MemberType = typeof(GoldenTokenizerTests))]
    public void Threads_that_share_a_tokenizer_get_the_lines_of_Hugging_Face(string name, string folder, string[] files)
    {
        Tokenizer tokenizer = TestTokenizer.Load(folder, files);
        (string Text, int[] Ids, string Decoded)[] lines = [.. TestTokenizer.Lines($"goldens/tokenizers/{name}.jsonl").Take(400)
            .Select(line => (
                line.GetProperty("text").GetString()!,
                line.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray(),
                line.GetProperty("decoded").GetString()!))];
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, thread =>
        {
            for (int i = 0; i < lines.Length; i++)
            {
                // Each thread begins elsewhere, so that words are new to one while another looks them up.
                (string text, int[] ids, string decoded) = lines[(i + (thread * lines.Length / 4)) % lines.Length];
                Assert.Equal(ids, tokenizer.Encode(text).Ids.ToArray());
                Assert.Equal(decoded, tokenizer.Decode(ids));
                StreamingDecoder stream = tokenizer.CreateStream(skipSpecialTokens: false);
                Assert.Equal(tokenizer.Decode(ids), string.Concat(ids.Select(stream.Add)) + stream.Flush());
            }
        });
    }

    [SharedFact]
    public void A_stream_that_two_threads_share_refuses_one_of_them_and_breaks_nothing()
    {
        StreamingDecoder stream = Tokenizer.Load(SharedFiles.Path("data/models/tinystory-llama")).CreateStream();
        int refused = 0, added = 0;
        long start = Stopwatch.GetTimestamp();
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            // A busy machine may run them one after another for a while.
            for (int i = 0; i < 5000 || (Volatile.Read(ref refused) == 0 && Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(1)); i++)
            {
                try
                {
                    stream.Add(100 + (i % 50));
                    Interlocked.Increment(ref added);
                }
                catch (InvalidOperationException)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        });
        Assert.True(refused > 0 && added > 0, $"{refused} refused, {added} added");
        stream.Flush();
    }
}
