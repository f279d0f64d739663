using System.Security.Cryptography;
using System.Text.Json;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.FineTuning;

/// <summary>
/// Examples that a program has, as a file beside the run: a run's folder then says what the run was trained on, and whatever works on runs
/// (resuming, evaluating, comparing, measuring sharpness) works on this one, too. The file's name has a hash of its content, so that no
/// run's data is written over by another's.
/// </summary>
internal static class ExampleFile
{
    /// <summary>The folder of such files in a run's folder.</summary>
    public const string FolderName = "data";

    private const int HashDigits = 16;
    private static readonly byte[] LineEnd = "\n"u8.ToArray();

    /// <summary>Writes examples as JSON lines and gives the file's path.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="name">What the caller's parameter is called: train or validation.</param>
    /// <exception cref="ArgumentException">There are none, or one of them cannot be written; the message says which.</exception>
    public static async Task<string> WriteAsync<T>(
        string folder, string name, IAsyncEnumerable<T> examples, Action<Utf8JsonWriter, T> write, CancellationToken cancellationToken)
    {
        folder = Path.Combine(folder, FolderName);
        Directory.CreateDirectory(folder);
        string unfinished = Path.Combine(folder, $"{name}.{Guid.NewGuid():N}.tmp");
        try
        {
            string hash = await WriteLinesAsync(unfinished, name, examples, write, cancellationToken).ConfigureAwait(false);
            string path = Path.Combine(folder, $"{name}-{hash}.jsonl");
            File.Move(unfinished, path, overwrite: true);
            return path;
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    /// <summary>Examples as the rows that a run reads of their file.</summary>
    /// <param name="name">What the caller's parameter is called; messages call a row so, with its number.</param>
    /// <exception cref="ArgumentException">There are none, or one of them cannot be written; the message says which.</exception>
    public static ExampleSet Rows<T>(
        string name, TaskKind task, IEnumerable<T> examples, Action<Utf8JsonWriter, T> write, ExampleColumns columns)
    {
        using MemoryStream line = new();
        using Utf8JsonWriter json = new(line);
        List<Example> rows = [];
        foreach (T example in examples)
        {
            line.SetLength(0);
            WriteLine(json, name, rows.Count, example, write);
            using var record =
                JsonRecord.Parse(new DataPlace(name, rows.Count, PlaceKind.Item), line.GetBuffer().AsMemory(0, (int)line.Length));
            string? pair = columns.TextPair is { } column && record.Has(column) ? column : null;
            rows.Add(RecordRows.Read(record, task, columns.Text, pair, columns.Label) with { Row = rows.Count });
        }

        return rows.Count > 0
            ? new ExampleSet(name, rows)
            : throw new ArgumentException($"The {name} are empty; at least one was expected.", name);
    }

    private static void WriteLine<T>(Utf8JsonWriter json, string name, int index, T example, Action<Utf8JsonWriter, T> write)
    {
        json.Reset();
        try
        {
            write(json, example ?? throw new ArgumentException("it is null."));
        }
        catch (ArgumentException problem)
        {
            throw new ArgumentException($"{name}[{index}]: {problem.Message}", name, problem);
        }

        json.Flush();
    }

    /// <summary>Writes the lines and gives their hash.</summary>
    private static async Task<string> WriteLinesAsync<T>(
        string path, string name, IAsyncEnumerable<T> examples, Action<Utf8JsonWriter, T> write, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using FileStream file = File.Create(path);
        using MemoryStream line = new();
        using Utf8JsonWriter json = new(line);
        int count = 0;
        await foreach (T example in examples.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            line.SetLength(0);
            WriteLine(json, name, count++, example, write);
            line.Write(LineEnd);
            hash.AppendData(line.GetBuffer(), 0, (int)line.Length);
            file.Write(line.GetBuffer(), 0, (int)line.Length);
        }

        return count > 0
            ? Convert.ToHexStringLower(hash.GetHashAndReset())[..HashDigits]
            : throw new ArgumentException($"The {name} examples are empty; at least one was expected.", name);
    }
}
