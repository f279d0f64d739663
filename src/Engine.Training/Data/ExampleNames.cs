namespace Engine.Training.Data;

/// <summary>
/// What a program calls the examples that it gave, for messages about the files they were written to, an example a line: <c>train[17]</c>
/// in place of the file's line 18. The names go with a piece of work into what it calls, awaits and starts.
/// </summary>
internal static class ExampleNames
{
    private static readonly AsyncLocal<IReadOnlyDictionary<string, string>?> Given = new();

    /// <summary>Files are called so until the result is disposed.</summary>
    /// <param name="names">The name of the examples by the full path of their file.</param>
    public static IDisposable Use(IReadOnlyDictionary<string, string> names) => new Scope(names);

    /// <summary>What the examples of a file are called; null for a file that is spoken of as such.</summary>
    public static string? Find(string path) =>
        Given.Value is { Count: > 0 } names ? names.GetValueOrDefault(Path.GetFullPath(path)) : null;

    private sealed class Scope : IDisposable
    {
        private readonly IReadOnlyDictionary<string, string>? before = Given.Value;

        public Scope(IReadOnlyDictionary<string, string> names) => Given.Value = names;

        public void Dispose() => Given.Value = before;
    }
}
