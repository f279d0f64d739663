using System.Text;

namespace Engine.Common.Files;

/// <summary>
/// What lies where a file of a model should when the copy went wrong: the pointer that Git LFS keeps in its place, a symbolic link that
/// became a line of text, the web page that shows the file.
/// </summary>
internal static class StandIn
{
    /// <summary>No stand-in that is recognised by its whole content is longer.</summary>
    private const int LongestText = 1024;

    /// <summary>Bytes from a file's start that <see cref="Problem"/> needs.</summary>
    public const int Looked = LongestText + 1;

    /// <summary>Says what a file is in truth and how to get the file itself; null where it is no stand-in.</summary>
    /// <param name="start">The file's first <see cref="Looked"/> bytes, or all of it where it is shorter.</param>
    public static string? Problem(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("version https://git-lfs.github.com/spec/"u8) || start.StartsWith("version https://hawser.github.com/spec/"u8))
        {
            return $"it is a Git LFS pointer, not the file{Size(start)}; run 'git lfs install' and 'git lfs pull' in the folder "
                + "it was cloned to.";
        }

        if (StartsWithTag(start, "<!doctype html"u8) || StartsWithTag(start, "<html"u8))
        {
            return "it is a web page, not the file; download the file itself (the raw file, with an access token where the repository "
                + "asks for one).";
        }

        return LinkTarget(start) is { } target
            ? $"it is the text of a symbolic link to '{target}', not the file; copy the file it names in its place (cp -L), "
                + "or clone where links can be made."
            : null;
    }

    /// <summary>
    /// <see cref="Problem"/> of an open file that holds no text when it is what it should be; it is read from its start and put back there.
    /// </summary>
    public static string? ProblemOfBinary(Stream file)
    {
        byte[] buffer = new byte[Looked];
        ReadOnlySpan<byte> start = buffer.AsSpan(0, file.ReadAtLeast(buffer, Looked, throwOnEndOfStream: false));
        file.Position = 0;
        return Problem(start)
            ?? (TextOf(start) is { } text
                ? $"it is the text '{text}', not the file, as a server answers that does not give it; download it again."
                : null);
    }

    /// <summary>
    /// The text that is a whole file's content, such as a server's answer in place of the file; null for anything longer, or with bytes
    /// that are no text.
    /// </summary>
    private static string? TextOf(ReadOnlySpan<byte> start) =>
        start.Length is > 0 and <= LongestText && start.IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0
            ? Encoding.ASCII.GetString(start)
            : null;

    /// <summary>The size in bytes that a pointer gives of its file, in words.</summary>
    private static string Size(ReadOnlySpan<byte> pointer)
    {
        foreach (string line in Encoding.UTF8.GetString(pointer).Split('\n'))
        {
            if (line.StartsWith("size ", StringComparison.Ordinal) && long.TryParse(line.AsSpan("size ".Length), out long bytes))
            {
                return $" of {bytes:N0} bytes";
            }
        }

        return string.Empty;
    }

    private static bool StartsWithTag(ReadOnlySpan<byte> text, ReadOnlySpan<byte> tag)
    {
        text = text.TrimStart(" \t\r\n"u8);
        return text.Length >= tag.Length && Ascii.EqualsIgnoreCase(text[..tag.Length], tag);
    }

    /// <summary>The path that is a file's only content; null where it holds anything else.</summary>
    private static string? LinkTarget(ReadOnlySpan<byte> content)
    {
        content = content.TrimEnd("\r\n"u8);
        if (content.IsEmpty || content.Length > LongestText || content[0] is (byte)'{' or (byte)'[' or (byte)'"'
            || content.IndexOfAnyInRange((byte)0, (byte)' ') >= 0)
        {
            return null;
        }

        return content.IndexOfAny((byte)'/', (byte)'\\') >= 0 ? Encoding.UTF8.GetString(content) : null;
    }
}
