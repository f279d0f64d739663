using System.Text.Json;
using Engine.Tests;

namespace Engine.Tokenizers.Tests;

/// <summary>Tokenizers as tests need them, and the goldens of Hugging Face's.</summary>
internal static class TestTokenizer
{
    /// <summary>Loads just these files of a folder, the tokenizer.json under its customary name.</summary>
    public static Tokenizer Load(string folder, params string[] files)
    {
        using TemporaryFolder temporary = new();
        foreach (string file in files)
        {
            string name = file.StartsWith("tokenizer.", StringComparison.Ordinal) ? "tokenizer.json" : file;
            File.Copy(SharedFiles.Path($"{folder}/{file}"), Path.Combine(temporary.Root, name));
        }

        return Tokenizer.Load(temporary.Root);
    }

    /// <summary>The tokenizer that a tokenizer.json describes.</summary>
    public static Tokenizer OfJson(string json)
    {
        using TemporaryFolder folder = new();
        folder.Write("tokenizer.json", json);
        return Tokenizer.Load(folder.Root);
    }

    /// <summary>The byte-level tokenizer of the demo's model, which lies in the repository.</summary>
    public static Tokenizer TinyRoberta() => Tokenizer.Load(Repository.Path("models/tiny-roberta"));

    /// <summary>The same without the blank that it puts before a text: what the merges alone make of one.</summary>
    public static Tokenizer TinyRobertaWithoutPrefix() =>
        OfJson(File.ReadAllText(Repository.Path("models/tiny-roberta/tokenizer.json"))
            .Replace("\"add_prefix_space\": true", "\"add_prefix_space\": false", StringComparison.Ordinal));

    /// <summary>The lines of a file of goldens; the repository's lack the sentences of GLUE.</summary>
    public static IEnumerable<JsonElement> Lines(string relative) =>
        File.ReadLines(SharedFiles.Whole(relative)).Select(line => JsonDocument.Parse(line).RootElement);
}
