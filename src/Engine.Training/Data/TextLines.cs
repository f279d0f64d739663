using Engine.Model.Batching;
using Engine.Common.Files;
using System.Text;

namespace Engine.Training.Data;

/// <summary>
/// Lines of a UTF-8 file with their numbers. A line ends at LF or CR LF and nowhere else, so a stray carriage return stays inside its text;
/// a byte-order mark is dropped. UTF-16 with its byte-order mark is read too. Of a file whose name ends with <c>.gz</c> what is inside is
/// read.
/// </summary>
internal static class TextLines
{
    private const int LongestLine = 16 * 1024 * 1024;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="DataFileException">A missing file, bytes that are not UTF-8, or a line beyond 16 Mi characters.</exception>
    public static IEnumerable<(int Line, string Text)> Read(string path)
    {
        using StreamReader reader = Open(path);
        foreach ((int Line, string Text) line in Read(reader, path))
        {
            yield return line;
        }
    }

    /// <summary>Lines of a stream, which is left open.</summary>
    /// <param name="name">What the stream is, for messages.</param>
    public static IEnumerable<(int Line, string Text)> Read(Stream stream, string name)
    {
        using StreamReader reader = new(stream, Utf8, detectEncodingFromByteOrderMarks: true, leaveOpen: true);
        foreach ((int Line, string Text) line in Read(reader, name))
        {
            yield return line;
        }
    }

    private static IEnumerable<(int Line, string Text)> Read(StreamReader reader, string path)
    {
        char[] buffer = new char[64 * 1024];
        StringBuilder text = new();
        int line = 1;
        int read;
        while ((read = Fill(reader, buffer, path, line)) > 0)
        {
            int start = 0;
            while (start < read)
            {
                int end = Array.IndexOf(buffer, '\n', start, read - start);
                text.Append(buffer, start, (end < 0 ? read : end) - start);
                if (text.Length > LongestLine)
                {
                    throw new DataFileException(path, line, $"the line has more than {LongestLine} characters; is this a text file?");
                }

                if (end < 0)
                {
                    break;
                }

                yield return (line, Take(text));
                line++;
                start = end + 1;
            }
        }

        if (text.Length > 0)
        {
            yield return (line, Take(text));
        }
    }

    /// <summary>Opens a text file for reading; bytes that are not UTF-8 are errors, not replacement characters.</summary>
    /// <exception cref="DataFileException">There is no such file, or it may not be read.</exception>
    public static StreamReader Open(string path) =>
        new(DataFileBytes.OpenText(path), Utf8, detectEncodingFromByteOrderMarks: true, bufferSize: 16 * 1024);

    /// <summary>The error of bytes that are not UTF-8: it names their line, of a stream the line from which on they stand.</summary>
    /// <param name="line">The line up to which the file was read; a reader decodes whole blocks ahead.</param>
    internal static DataFileException NotUtf8(string path, int line, DecoderFallbackException error) => LineNotUtf8(path) is { } at
        ? new DataFileException(path, at, "this line has bytes that are not UTF-8; convert the file to UTF-8.", error)
        : new DataFileException(path, line, "from this line on there are bytes that are not UTF-8; convert it to UTF-8.", error);

    private static int? LineNotUtf8(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        using BufferedStream bytes = new(DataFileBytes.OpenText(path), 1 << 16);
        return FileFault.LineNotUtf8(bytes);
    }

    private static int Fill(StreamReader reader, char[] buffer, string path, int line)
    {
        try
        {
            return reader.Read(buffer);
        }
        catch (DecoderFallbackException error)
        {
            throw NotUtf8(path, line, error);
        }
    }

    private static string Take(StringBuilder text)
    {
        int length = text.Length > 0 && text[^1] == '\r' ? text.Length - 1 : text.Length;
        string line = text.ToString(0, length);
        text.Clear();
        return line;
    }
}
