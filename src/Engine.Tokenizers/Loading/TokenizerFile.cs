using System.Text;
using Engine.Common.Files;

namespace Engine.Tokenizers;

/// <summary>A file of a tokenizer's folder, held in memory so that <see cref="Tokenizer.Save"/> writes back what was read.</summary>
internal sealed record TokenizerFile(string Path, byte[] Content)
{
    private const long MaxBytes = 256L << 20;

    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>Reads a file, or gives null where it is absent.</summary>
    /// <exception cref="InvalidDataException">It is larger than any tokenizer, or something else stands in its place, such as a Git LFS
    /// pointer.</exception>
    public static TokenizerFile? Find(string folder, string name)
    {
        FileInfo file = new(System.IO.Path.Combine(folder, name));
        if (!file.Exists)
        {
            return null;
        }

        if (file.Length > MaxBytes)
        {
            throw new InvalidDataException($"{file.FullName} has {file.Length} bytes; a tokenizer file has at most {MaxBytes}.");
        }

        byte[] content = File.ReadAllBytes(file.FullName);
        return StandIn.Problem(content.AsSpan(0, Math.Min(content.Length, StandIn.Looked))) is { } problem
            ? throw new InvalidDataException($"{file.FullName}: {problem}")
            : new TokenizerFile(file.FullName, content);
    }

    public JsonField ReadJson() => JsonField.Parse(Path, Content);

    /// <exception cref="InvalidDataException">The file is not UTF-8.</exception>
    public string ReadText()
    {
        try
        {
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(Content);
        }
        catch (DecoderFallbackException exception)
        {
            throw new InvalidDataException(
                $"{Path}:{FileFault.LineNotUtf8(new MemoryStream(Content))}: this line has bytes that are not UTF-8; "
                    + "a tokenizer file is UTF-8.", exception);
        }
    }

    /// <summary>Writes the file into a folder, under a temporary name until it is complete.</summary>
    public void WriteTo(string folder)
    {
        string target = System.IO.Path.Combine(folder, Name), temporary = target + ".tmp";
        using (FileStream stream = new(temporary, FileMode.Create, FileAccess.Write))
        {
            stream.Write(Content);
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, target, overwrite: true);
    }
}
