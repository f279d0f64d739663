using Engine.Common.Files;
using Engine.Common;
using Engine.Common.Keys;
using Engine.Training.Configuration;

namespace Engine.Training.Running;

/// <summary>What a run reads, held against what it writes and removes.</summary>
internal static class RunInputs
{
    /// <summary>
    /// Refuses an output in which something that the run reads would be written over or removed; links on both sides are resolved.
    /// </summary>
    /// <param name="folder">The folder that is written.</param>
    /// <param name="files">Files of it that are written or removed.</param>
    /// <param name="folders">Folders of it that are written or removed as a whole.</param>
    /// <exception cref="ConfigurationException">The message says which input.</exception>
    public static void RequireApart(RunConfiguration run, string folder, IEnumerable<string> files, IEnumerable<string> folders)
    {
        string root = RealPath.Of(folder);
        HashSet<string> writtenFiles = [.. files.Select(name => Path.Combine(root, name))];
        string[] writtenFolders = [.. folders.Select(name => Path.Combine(root, name))];
        foreach ((string key, string path) in Of(run))
        {
            string input = RealPath.Of(path);
            if (input == root && Directory.Exists(input))
            {
                throw new ConfigurationException(
                    $"{Setting.Of("output")}: {folder} is "
                        + $"{(key == "model" ? "the model's own folder" : $"the folder of {Setting.Of(key)}")}, "
                        + "whose files the run would replace; choose another.");
            }

            // The files of a folder may be links to other places.
            IEnumerable<string> read = Directory.Exists(input) ? [input, .. Directory.EnumerateFiles(input).Select(RealPath.Of)] : [input];
            if (read.FirstOrDefault(
                file => writtenFiles.Contains(file) || writtenFolders.Any(written => RealPath.IsWithin(written, file))) is { } lost)
            {
                throw new ConfigurationException(
                    $"{Setting.Of("output")}: the run would replace or remove {lost}, which it reads "
                        + $"({(lost == input ? $"{Setting.Of(key)}" : $"{Setting.Of(key)}: {path}")}); "
                        + $"choose another output than {folder}.");
            }
        }
    }

    private static IEnumerable<(string Key, string Path)> Of(RunConfiguration run)
    {
        yield return ("model", run.Model);
        foreach (string path in run.Data.Train.Paths)
        {
            yield return ("data.train", path);
        }

        foreach (string path in run.Data.Validation?.Paths ?? [])
        {
            yield return ("data.validation", path);
        }

        if (run.Adapter?.Init is { } start)
        {
            yield return ("adapter.init", start);
        }

        foreach ((string Key, string Path) input in MethodPaths.Of(run.Method))
        {
            yield return input;
        }
    }
}
