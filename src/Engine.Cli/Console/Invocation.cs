namespace Engine.Cli.Console;

/// <summary>How this program was called.</summary>
internal static class Invocation
{
    private const string Project = "Engine.Cli.csproj";

    /// <summary>
    /// What to type before a command's name: <c>engine</c>, or from the sources, where no such command may be installed, <c>dotnet run</c>.
    /// </summary>
    public static string Program { get; } = Sources() is { } folder
        ? $"dotnet run -c Release --project {ShellWord.Quoted(Path.GetRelativePath(Environment.CurrentDirectory, folder))} --"
        : "engine";

    /// <summary>The project's folder where this program was built in it (bin/CONFIGURATION/FRAMEWORK); null elsewhere.</summary>
    private static string? Sources()
    {
        string folder = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", ".."));
        return File.Exists(Path.Combine(folder, Project)) ? folder : null;
    }
}
