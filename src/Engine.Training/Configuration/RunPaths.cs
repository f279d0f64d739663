using Engine.Common.Files;
using Engine.Common;
using Engine.Common.Keys;
using Engine.Training.Data;

namespace Engine.Training.Configuration;

/// <summary>
/// Paths of a run in full, so that they mean the same wherever they are read again: those of a file and of a run that was made in code go
/// by the same rules.
/// </summary>
internal static class RunPaths
{
    /// <summary>The full path.</summary>
    /// <param name="at">The beginning of a sentence about the key.</param>
    /// <param name="text">As it was given: full, relative, or with <c>~/</c> before it.</param>
    /// <param name="folder">What a relative one is relative to.</param>
    /// <exception cref="ConfigurationException">It is none of this machine.</exception>
    public static string Full(string at, string text, PathUse use, string folder)
    {
        if (string.IsNullOrEmpty(text) || text.Contains('\0', StringComparison.Ordinal))
        {
            throw new ConfigurationException($"{at} is '{text}'; expected a path.");
        }

        string path = LocalPath.ExpandHome(text);
        return LocalPath.Problem(path, use) is { } problem
            ? throw new ConfigurationException($"{at} is '{text}', {problem}")
            : Path.GetFullPath(path, folder);
    }

    /// <summary>What the path of a key is for.</summary>
    /// <param name="key">Its dotted name.</param>
    public static PathUse UseOf(string key) => key switch
    {
        "output" => PathUse.Write,
        "data.train" or "data.validation" => PathUse.ReadFile,
        _ => PathUse.Read,
    };

    /// <summary>A run with every path in full; relative ones are of the current folder.</summary>
    /// <exception cref="ConfigurationException">One is none of this machine; the message names its key.</exception>
    public static RunConfiguration WithFullPaths(RunConfiguration run) => run with
    {
        Model = Full("model", run.Model),
        Output = Full("output", run.Output),
        Data = run.Data with
        {
            Train = Full("data.train", run.Data.Train),
            Validation = run.Data.Validation is { } validation ? Full("data.validation", validation) : null,
        },
        Adapter = run.Adapter is { Init: { } start } adapter ? adapter with { Init = Full("adapter.init", start) } : run.Adapter,
        Method = MethodPaths.Change(run.Method, Full),
    };

    private static string Full(string key, string path) => Full($"{Setting.Of(key)}", path, UseOf(key), Environment.CurrentDirectory);

    private static DataFiles Full(string key, DataFiles files) => new(files.Paths.Select(path => Full(key, path)));
}
