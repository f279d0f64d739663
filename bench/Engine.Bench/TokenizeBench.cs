using System.Diagnostics;
using System.Text.Json;
using Engine.Tokenizers;

namespace Engine.Bench;

/// <summary>
/// Encodes the lines of a text file one by one on one thread, by each tokenizer in turns; the first round meets every word anew.
/// </summary>
internal static class TokenizeBench
{
    private const int Rounds = 7;

    public static void Run(string path, IReadOnlyList<string> folders)
    {
        string[] lines = File.ReadAllLines(path);
        double megabytes = lines.Sum(line => (double)System.Text.Encoding.UTF8.GetByteCount(line)) / 1e6;
        Tokenizer[] tokenizers = [.. folders.Select(Tokenizer.Load)];
        double[] first = new double[tokenizers.Length], best = new double[tokenizers.Length];
        long[] tokens = new long[tokenizers.Length];
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < tokenizers.Length; i++)
            {
                long start = Stopwatch.GetTimestamp();
                tokens[i] = lines.Sum(line => (long)tokenizers[i].Encode(line).Length);
                double speed = megabytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
                first[i] = round == 0 ? speed : first[i];
                best[i] = Math.Max(best[i], speed);
            }
        }

        for (int i = 0; i < tokenizers.Length; i++)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                commit = Measurement.Commit,
                benchmark = "tokenize",
                tokenizer = Path.GetFileName(Path.TrimEndingDirectorySeparator(folders[i])),
                text = Path.GetFileName(path),
                megabytes = Math.Round(megabytes, 2),
                tokens = tokens[i],
                megabytes_per_second = Math.Round(best[i], 1),
                first_round_megabytes_per_second = Math.Round(first[i], 1),
            }));
        }
    }
}
