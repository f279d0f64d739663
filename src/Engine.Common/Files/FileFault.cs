using System.Text.RegularExpressions;
using System.Text.Unicode;

namespace Engine.Common.Files;

/// <summary>What is wrong with a file, in words that name its path once and its line rightly.</summary>
public static partial class FileFault
{
    /// <summary>What the system says of a failure, without the path, which the sentence around it names.</summary>
    public static string Reason(Exception failure) => failure switch
    {
        UnauthorizedAccessException => "this user may not write there",
        DirectoryNotFoundException => "there is no such folder",
        _ => PathBehind().Replace(failure.Message, string.Empty).TrimEnd('.'),
    };

    /// <summary>
    /// The first line of a file, counted from 1, with bytes that are not UTF-8; null where every line is text, or there is no such file.
    /// </summary>
    public static int? LineNotUtf8(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        using FileStream file = File.OpenRead(path);
        using BufferedStream bytes = new(file, 1 << 16);
        return LineNotUtf8(bytes);
    }

    /// <summary>The same of bytes that are at hand. A line feed is never part of another character.</summary>
    public static int? LineNotUtf8(Stream bytes)
    {
        List<byte> text = [];
        for (int line = 1; ; line++)
        {
            text.Clear();
            int next;
            while ((next = bytes.ReadByte()) is >= 0 and not '\n')
            {
                text.Add((byte)next);
            }

            if (!Utf8.IsValid(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(text)))
            {
                return line;
            }

            if (next < 0)
            {
                return null;
            }
        }
    }

    [GeneratedRegex(@" : '[^']*'$")]
    private static partial Regex PathBehind();
}
