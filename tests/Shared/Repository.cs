namespace Engine.Tests;

/// <summary>The checkout that the tests were built in.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    /// <summary>The path of a file or folder of the repository.</summary>
    public static string Path(string relative) => System.IO.Path.Combine(Root, relative);

    private static string Find()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(System.IO.Path.Combine(folder.FullName, "Engine.sln")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("Engine.sln lies in no folder above the tests.");
        }

        return folder.FullName;
    }
}
