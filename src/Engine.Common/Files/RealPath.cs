namespace Engine.Common.Files;

/// <summary>Paths without symbolic links, so that two names of one place are seen to be one.</summary>
public static class RealPath
{
    /// <summary>As many links in a row as Linux follows.</summary>
    private const int MaxLinks = 40;

    /// <summary>
    /// The full path with every link on the way resolved, those of parent folders too; what is not there yet stays as it is named.
    /// </summary>
    /// <exception cref="IOException">Links lead in a circle.</exception>
    public static string Of(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        for (int links = 0; links <= MaxLinks; links++)
        {
            if (FirstLink(full) is not (string link, string target))
            {
                return full;
            }

            string rest = Path.GetRelativePath(link, full);
            full = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(link)!, target, rest == "." ? "" : rest));
            full = Path.TrimEndingDirectorySeparator(full);
        }

        throw new IOException($"{path}: symbolic links lead in a circle.");
    }

    /// <summary>Whether a path is a folder or lies in it; both without links.</summary>
    public static bool IsWithin(string folder, string path) =>
        path == folder || path.StartsWith(
            Path.EndsInDirectorySeparator(folder) ? folder : folder + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    /// <summary>Whether a path is itself a link, whatever it leads to.</summary>
    internal static bool IsLink(string path) => new FileInfo(path).LinkTarget is not null;

    private static (string Link, string Target)? FirstLink(string full)
    {
        string root = Path.GetPathRoot(full)!;
        string at = root;
        foreach (string name in full[root.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            at = Path.Combine(at, name);
            if (new FileInfo(at).LinkTarget is { } target)
            {
                return (at, target);
            }
        }

        return null;
    }
}
