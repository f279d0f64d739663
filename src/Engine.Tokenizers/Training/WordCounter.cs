using System.Runtime.InteropServices;
using System.Text;
using Engine.Common.Files;

namespace Engine.Tokenizers;

/// <summary>
/// Counts the words of a text, as the split pattern of GPT-2 cuts them. Each line, with its line end, is a text by itself.
/// </summary>
internal sealed class WordCounter
{
    private const int BlockLength = 1 << 20;

    private readonly Dictionary<string, long> counts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> lookup;

    public WordCounter() => lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Whether a blank is put before each line without one: its first word counts as one behind a blank.</summary>
    public bool AddPrefixSpace { get; set; }

    /// <summary>Words and how often they came, in ordinal order.</summary>
    public IEnumerable<KeyValuePair<string, long>> Counts => counts.OrderBy(entry => entry.Key, StringComparer.Ordinal);

    public void Add(ReadOnlySpan<char> text)
    {
        while (text.Length > 0)
        {
            int lineFeed = text.IndexOf('\n');
            int end = lineFeed < 0 ? text.Length : lineFeed + 1;
            ReadOnlySpan<char> line = text[..end];
            AddLine(AddPrefixSpace && !char.IsWhiteSpace(line[0]) ? $" {line}" : line);
            text = text[end..];
        }
    }

    /// <exception cref="InvalidDataException">The file is not UTF-8.</exception>
    public void AddFile(string path)
    {
        try
        {
            using StreamReader reader = new(path, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
            char[] block = new char[BlockLength];
            int held = 0;
            while (reader.ReadBlock(block, held, block.Length - held) is var read and > 0)
            {
                int filled = held + read;
                int end = block.AsSpan(0, filled).LastIndexOf('\n') + 1;
                Add(block.AsSpan(0, end));
                held = filled - end;
                block.AsSpan(end, held).CopyTo(block);
                if (held == block.Length)
                {
                    Array.Resize(ref block, block.Length * 2);
                }
            }

            Add(block.AsSpan(0, held));
        }
        catch (DecoderFallbackException exception)
        {
            throw new InvalidDataException(
                $"{path}:{FileFault.LineNotUtf8(path)}: this line has bytes that are not UTF-8; convert the file to UTF-8.", exception);
        }
    }

    private void AddLine(ReadOnlySpan<char> line)
    {
        for (int start = 0; start < line.Length;)
        {
            int end = SplitPattern.ScanGpt2(line, start);
            CollectionsMarshal.GetValueRefOrAddDefault(lookup, line[start..end], out _)++;
            start = end;
        }
    }
}
