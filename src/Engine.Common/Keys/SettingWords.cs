namespace Engine.Common.Keys;

/// <summary>
/// What settings are called in the messages of a piece of work: keys of run files, unless who began it asked for words of its own, as a
/// library for C# does. The words go with the work into what it calls, awaits and starts.
/// </summary>
internal static class SettingWords
{
    private static readonly AsyncLocal<Func<Setting, string>?> Asked = new();

    /// <summary>A setting in the words of the work that is going on.</summary>
    public static string Of(Setting setting) => Asked.Value is { } words ? words(setting) : setting.InRunFile;

    /// <summary>Settings are called so until the result is disposed.</summary>
    public static IDisposable Use(Func<Setting, string> words) => new Scope(words);

    /// <summary>Settings are called by their keys until the result is disposed: what is read is a file that has these.</summary>
    public static IDisposable UseKeys() => new Scope(words: null);

    private sealed class Scope : IDisposable
    {
        private readonly Func<Setting, string>? before = Asked.Value;

        public Scope(Func<Setting, string>? words) => Asked.Value = words;

        public void Dispose() => Asked.Value = before;
    }
}
