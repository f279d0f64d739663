namespace Engine.Tests;

/// <summary>Finds the folder of goldens and data that lies beside a developer's checkout (<c>../shared</c>).</summary>
internal static class SharedFiles
{
    /// <summary>The folder, or null where it is absent.</summary>
    public static string? Root { get; } = Find();

    public static bool Present => Root is not null;

    /// <summary>The path of a file or folder below <c>shared</c>.</summary>
    public static string Path(string relative) => System.IO.Path.Combine(
        Root ?? throw new InvalidOperationException("The folder ../shared is absent; mark the test [SharedFact] or [SharedTheory]."),
        relative);

    private static string? Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(System.IO.Path.Combine(folder.FullName, "Engine.sln")))
            {
                continue;
            }

            string shared = System.IO.Path.Combine(folder.Parent?.FullName ?? folder.FullName, "shared");
            return Directory.Exists(System.IO.Path.Combine(shared, "goldens")) ? shared : null;
        }

        return null;
    }
}

/// <summary>A test that reads <c>../shared</c>; skipped with a message where that folder is absent.</summary>
internal sealed class SharedFactAttribute : FactAttribute
{
    public SharedFactAttribute()
    {
        if (!SharedFiles.Present)
        {
            Skip = "needs the goldens in ../shared, which is not beside this checkout";
        }
    }
}

/// <summary>A theory that reads <c>../shared</c>; skipped with a message where that folder is absent.</summary>
internal sealed class SharedTheoryAttribute : TheoryAttribute
{
    public SharedTheoryAttribute()
    {
        if (!SharedFiles.Present)
        {
            Skip = "needs the goldens in ../shared, which is not beside this checkout";
        }
    }
}
