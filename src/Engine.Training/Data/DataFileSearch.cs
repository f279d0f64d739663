using System.IO.Enumeration;
using Engine.Model.Batching;
using Engine.Training.Data.Formats;

namespace Engine.Training.Data;

/// <summary>
/// Finds the files that the paths of a data set mean: a file itself, the data files of a folder, those that fit a pattern with <c>*</c> and
/// <c>?</c>.
/// </summary>
internal static class DataFileSearch
{
    /// <summary>
    /// The files, those of a folder and of a pattern in ordinal order. A path of which nothing is there stands for itself.
    /// </summary>
    /// <param name="format">How they are written; null: as their endings say.</param>
    /// <exception cref="DataFileException">A folder without data files, or with several kinds or splits of them; a pattern that no file
    /// fits; a file twice.</exception>
    /// <exception cref="Common.Files.ModelFileException">A folder of Hugging Face datasets whose own files cannot be used.</exception>
    public static DataFiles Find(DataFiles given, DataFormat? format)
    {
        string[] files = [.. given.Paths.SelectMany(path => Find(path, format))];
        return files.GroupBy(path => path, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice
            ? throw new DataFileException(twice.Key, "the file is named more than once; each file is read once.")
            : new DataFiles(files);
    }

    private static IEnumerable<string> Find(string path, DataFormat? format) =>
        Directory.Exists(path) ? DataFolder.Files(path, format) : IsPattern(path) && !File.Exists(path) ? Matches(path) : [path];

    private static IReadOnlyList<string> Matches(string pattern)
    {
        string[] segments = pattern.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar);
        int first = Array.FindIndex(segments, IsPattern);
        if (segments.Contains("**"))
        {
            throw new DataFileException(pattern, "a pattern with ** is not read; * stands for names in one folder, and */* for "
                + "those in its subfolders.");
        }

        string start = string.Join(Path.DirectorySeparatorChar, segments[..first]);
        string folder = start.Length > 0 ? start : Path.IsPathRooted(pattern) ? Path.DirectorySeparatorChar.ToString() : ".";
        List<string> found = [start];
        foreach (string segment in segments[first..^1])
        {
            found = [.. found.SelectMany(parent => Entries(parent, segment, Directory.EnumerateDirectories))];
        }

        IEnumerable<string> fitting = found.SelectMany(parent => Entries(parent, segments[^1], Directory.EnumerateFiles));
        string[] files = [.. fitting.Order(StringComparer.Ordinal)];
        return files.Length > 0 ? files : throw new DataFileException(pattern, Directory.Exists(folder)
            ? $"no file fits this pattern; {folder} holds {DataFolder.Contents(folder)}."
            : $"no file fits this pattern; there is no folder {folder}.");
    }

    /// <summary>Paths in a folder whose names fit a part of a pattern; hidden ones only where the part begins with a dot.</summary>
    private static IEnumerable<string> Entries(string parent, string segment, Func<string, IEnumerable<string>> enumerate)
    {
        if (!IsPattern(segment))
        {
            string path = Path.Combine(parent, segment);
            return Path.Exists(path) ? [path] : [];
        }

        string folder = parent.Length == 0 ? "." : parent;
        return !Directory.Exists(folder) ? [] : enumerate(folder)
            .Select(path => Path.GetFileName(path))
            .Where(name => name[0] != '.' || segment[0] == '.')
            .Where(name => FileSystemName.MatchesSimpleExpression(segment, name, ignoreCase: false))
            .Select(name => Path.Combine(parent, name));
    }

    private static bool IsPattern(string text) => text.AsSpan().ContainsAny('*', '?');
}
