namespace Engine.Common.Files;

/// <summary>Walks, makes and removes folders; never through a link, which counts as a file.</summary>
internal static class FolderTree
{
    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = FileAttributes.None };

    /// <summary>Every file below a folder, relative to it, with slashes.</summary>
    public static IEnumerable<string> Files(string folder) => Entries(folder).SelectMany(path =>
        Directory.Exists(path) && !RealPath.IsLink(path)
            ? Files(path).Select(file => $"{Path.GetFileName(path)}/{file}")
            : [Path.GetFileName(path)]);

    /// <summary>Makes a folder and those above it; returns those that were made, the innermost first.</summary>
    public static IReadOnlyList<string> Make(string path)
    {
        List<string> made = [];
        for (string? at = Path.GetFullPath(path); at is not null && !Directory.Exists(at); at = Path.GetDirectoryName(at))
        {
            made.Add(Path.TrimEndingDirectorySeparator(at));
        }

        Directory.CreateDirectory(path);
        return made;
    }

    /// <summary>Removes folders in which nothing is.</summary>
    public static void RemoveEmpty(IEnumerable<string> folders)
    {
        foreach (string folder in folders.Where(folder => Directory.Exists(folder) && !Entries(folder).Any()))
        {
            Directory.Delete(folder);
        }
    }

    /// <summary>Moves a file, a link or a folder to a name that is free.</summary>
    public static void Move(string from, string to)
    {
        if (Directory.Exists(from))
        {
            Directory.Move(from, to);
        }
        else
        {
            File.Move(from, to);
        }
    }

    /// <summary>Deletes a file below a folder, and the folders between that are empty then. What is behind a link is left alone.</summary>
    public static void Delete(string folder, string name)
    {
        if (FirstLink(folder, name) is null)
        {
            File.Delete(Path.Combine(folder, name));
            RemoveEmptyAbove(folder, name);
        }
    }

    /// <summary>Removes the folders between a folder and a file that was in it, where they are empty.</summary>
    public static void RemoveEmptyAbove(string folder, string name)
    {
        for (int slash = name.LastIndexOf('/'); slash > 0; slash = name.LastIndexOf('/', slash - 1))
        {
            RemoveEmpty([Path.Combine(folder, name[..slash])]);
        }
    }

    /// <summary>The first link on the way from a folder to what has a name in it; null where there is none.</summary>
    public static string? FirstLink(string folder, string name)
    {
        string at = folder;
        foreach (string part in name.Split('/'))
        {
            at = Path.Combine(at, part);
            if (RealPath.IsLink(at))
            {
                return at;
            }
        }

        return null;
    }

    private static string[] Entries(string folder) => Directory.GetFileSystemEntries(folder, "*", Everything);
}
