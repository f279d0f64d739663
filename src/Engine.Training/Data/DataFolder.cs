using System.Globalization;
using System.Text.RegularExpressions;
using Engine.Model.Batching;
using Engine.Training.Data.Formats;

namespace Engine.Training.Data;

/// <summary>The data files of a folder: the shards of one data set, of one format and one split.</summary>
internal static partial class DataFolder
{
    private const int NamedEntries = 8;

    /// <summary>The files in ordinal order; of a data set that Hugging Face datasets saved, those it lists.</summary>
    /// <param name="format">How they are written; null: as their endings say.</param>
    /// <exception cref="DataFileException">There are none, several formats or splits, or a shard is missing.</exception>
    public static IReadOnlyList<string> Files(string folder, DataFormat? format)
    {
        if (SavedDataset.Files(folder) is { } saved)
        {
            return saved;
        }

        (string Name, DataFormat Format)[] files =
        [
            .. from path in Directory.EnumerateFiles(folder)
               let name = Path.GetFileName(path)
               where name[0] is not ('.' or '_') && !SavedDataset.IsOwnFile(name)
               let ending = DataFormats.OfEnding(name)
               where ending is not null && (format is null || ending == format)
               orderby name, StringComparer.Ordinal
               select (name, ending),
        ];
        if (files.Length == 0)
        {
            string what = format is null ? "data files" : $"{format} files ({string.Join(", ", format.Endings)})";
            throw new DataFileException(folder, $"the folder has no {what}; it holds {Contents(folder)}. Name the files, or a "
                + "folder or a pattern (*) of them.");
        }

        RequireOneFormat(folder, files);
        RequireOneSplit(folder, [.. files.Select(file => file.Name)]);
        return [.. files.Select(file => Path.Combine(folder, file.Name))];
    }

    /// <summary>What lies in a folder, for messages.</summary>
    public static string Contents(string folder)
    {
        string[] names =
        [
            .. Directory.EnumerateFileSystemEntries(folder)
                .Select(path => Path.GetFileName(path) + (Directory.Exists(path) ? "/" : ""))
                .Order(StringComparer.Ordinal),
        ];
        string more = names.Length > NamedEntries ? $" and {names.Length - NamedEntries} more" : "";
        return names.Length == 0 ? "nothing" : string.Join(", ", names.Take(NamedEntries)) + more;
    }

    private static void RequireOneFormat(string folder, (string Name, DataFormat Format)[] files)
    {
        IGrouping<DataFormat, string>[] formats = [.. files.GroupBy(file => file.Format, file => file.Name)];
        if (formats.Length > 1)
        {
            string counts = string.Join(
                ", ", formats.Select(group => $"{group.Key} ({group.First()}{(group.Count() > 1 ? ", ..." : "")})"));
            throw new DataFileException(folder, $"the folder has files of several formats: {counts}; name those that are meant, by "
                + $"a pattern such as {folder}/*{formats[0].Key.Endings[0]}.");
        }
    }

    /// <summary>Files of several splits side by side would be trained on together, those to test with among them.</summary>
    private static void RequireOneSplit(string folder, string[] names)
    {
        string[] splits = [.. names.Select(SplitOf).OfType<string>().Distinct(StringComparer.Ordinal)];
        if (splits.Length > 1)
        {
            throw new DataFileException(folder, $"the folder has files of several splits: {string.Join(", ", splits)}; name those "
                + $"of one by a pattern, such as {folder}/{splits[0]}*.");
        }

        Match[] shards = [.. names.Select(name => Shard().Match(name)).Where(match => match.Success)];
        if (shards.Length == 0)
        {
            return;
        }

        int count = int.Parse(shards[0].Groups["count"].Value, CultureInfo.InvariantCulture);
        HashSet<int> there = [.. shards.Select(match => int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture))];
        int missing = Enumerable.Range(0, count).FirstOrDefault(number => !there.Contains(number), -1);
        if (missing >= 0)
        {
            throw new DataFileException(folder, $"the file {missing:D5}-of-{count:D5} is missing beside {shards[0].Value}; bring it "
                + "here, or name the files that are to be read by a pattern.");
        }
    }

    /// <summary>The split that a file's name says it belongs to; null where it says none.</summary>
    private static string? SplitOf(string name) => Shard().Match(name) is { Success: true } shard ? shard.Groups["split"].Value
        : Split().Match(name) is { Success: true } split ? split.Value
        : null;

    /// <summary>The names that Hugging Face gives to the shards of a split.</summary>
    [GeneratedRegex(@"^(?<split>.+)-(?<number>\d{5})-of-(?<count>\d{5})\b.*$")]
    private static partial Regex Shard();

    [GeneratedRegex(@"(?<![^-_.])(train|training|validation|valid|val|dev|test|testing|eval|evaluation)(?=[-_.])")]
    private static partial Regex Split();
}
