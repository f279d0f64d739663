using System.IO.Compression;
using System.Reflection;
using Xunit.Sdk;

namespace Engine.Tests;

/// <summary>
/// Finds goldens and other files that tests read: the repository holds some below <c>tests</c> (tests/goldens/README.md), and the large
/// rest lies in a folder beside the checkout (<c>../shared</c>), which a clone alone has not. The variable <c>ENGINE_SHARED</c>:
/// <c>required</c> fails the tests that need that folder where it is absent,
/// <c>none</c> skips them although it is there.
/// </summary>
internal static class SharedFiles
{
    private const string PackedEnding = ".gz";

    private static readonly string Tests = System.IO.Path.Combine(Repository.Root, "tests");

    /// <summary>Where what the repository holds lies unpacked.</summary>
    private static readonly string Unpacked = System.IO.Path.Combine(AppContext.BaseDirectory, "unpacked");

    private static readonly Lock Unpacking = new();

    /// <summary>The folder beside the checkout, or null where it is absent.</summary>
    public static string? Root { get; } = FindRoot();

    public static bool Present => Root is not null;

    /// <summary>Why a test that needs the folder beside the checkout does not run; null where it runs.</summary>
    public static string? SkipReason =>
        Present || Wanted == "required" ? null : "needs the goldens in ../shared, which is not beside this checkout";

    private static string? Wanted => Environment.GetEnvironmentVariable("ENGINE_SHARED");

    /// <summary>The path of a file or folder: the repository's where it has it, else that below <c>../shared</c>.</summary>
    public static string Path(string relative) => InRepository(relative) ?? Beside(relative);

    /// <summary>The path of a file or folder, or null where neither the repository nor <c>../shared</c> has it.</summary>
    public static string? Find(string relative) =>
        InRepository(relative) ?? (Present && System.IO.Path.Exists(Beside(relative)) ? Beside(relative) : null);

    /// <summary>Whether the repository holds a file.</summary>
    public static bool Holds(string relative) =>
        System.IO.Path.Combine(Tests, relative) is var held && (File.Exists(held) || File.Exists(held + PackedEnding));

    /// <summary>
    /// The path of a file or folder of which the repository holds a part at most: that below <c>../shared</c> where it is there.
    /// </summary>
    public static string Whole(string relative) => Present && System.IO.Path.Exists(Beside(relative)) ? Beside(relative) : Path(relative);

    /// <summary>
    /// The files that the repository holds, as paths below <c>tests</c> and below <c>../shared</c> without the ending of packed ones.
    /// </summary>
    public static IEnumerable<string> InRepository() =>
        from folder in (string[])["goldens", "cases"]
        from file in Directory.EnumerateFiles(System.IO.Path.Combine(Tests, folder), "*", SearchOption.AllDirectories)
        select WithoutPacking(System.IO.Path.GetRelativePath(Tests, file));

    private static string Beside(string relative) => System.IO.Path.Combine(
        Root
            ?? throw new DirectoryNotFoundException(
                $"tests/{relative} is not in the repository, and ../shared is absent; mark the test [SharedFact] or [SharedTheory]."),
                    relative);

    private static string? InRepository(string relative)
    {
        string held = System.IO.Path.Combine(Tests, relative);
        if (!Directory.Exists(held))
        {
            return File.Exists(held) ? Unpack(held) : File.Exists(held + PackedEnding) ? Unpack(held + PackedEnding) : null;
        }

        foreach (string file in Directory.EnumerateFiles(held, "*", SearchOption.AllDirectories))
        {
            Unpack(file);
        }

        return System.IO.Path.Combine(Unpacked, relative);
    }

    /// <summary>A copy of a file of the repository, unpacked; made when it is first asked for.</summary>
    private static string Unpack(string held)
    {
        string path = System.IO.Path.Combine(Unpacked, WithoutPacking(System.IO.Path.GetRelativePath(Tests, held)));
        lock (Unpacking)
        {
            if (File.GetLastWriteTimeUtc(path) < File.GetLastWriteTimeUtc(held))
            {
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
                string part = $"{path}.{Environment.ProcessId}";
                using (Stream source = held.EndsWith(PackedEnding, StringComparison.Ordinal)
                    ? new GZipStream(File.OpenRead(held), CompressionMode.Decompress)
                    : File.OpenRead(held))
                using (FileStream target = File.Create(part))
                {
                    source.CopyTo(target);
                }

                File.Move(part, path, overwrite: true);
            }
        }

        return path;
    }

    private static string WithoutPacking(string path) =>
        path.EndsWith(PackedEnding, StringComparison.Ordinal) ? path[..^PackedEnding.Length] : path;

    private static string? FindRoot()
    {
        string shared = System.IO.Path.GetFullPath(System.IO.Path.Combine(Tests, "..", "..", "shared"));
        return Wanted != "none" && Directory.Exists(System.IO.Path.Combine(shared, "goldens")) ? shared : null;
    }
}

/// <summary>A test that reads what only <c>../shared</c> has; skipped with a message where that folder is absent.</summary>
internal sealed class SharedFactAttribute : FactAttribute
{
    public SharedFactAttribute() => Skip = SharedFiles.SkipReason;
}

/// <summary>A theory all of whose rows read what only <c>../shared</c> has; skipped with a message where that folder is absent.</summary>
internal sealed class SharedTheoryAttribute : TheoryAttribute
{
    public SharedTheoryAttribute() => Skip = SharedFiles.SkipReason;
}

/// <summary>
/// Rows of a theory that read what only <c>../shared</c> has, beside rows that every clone runs; skipped with a message where that folder
/// is absent.
/// </summary>
[DataDiscoverer("Xunit.Sdk.MemberDataDiscoverer", "xunit.core")]
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class SharedMemberDataAttribute : MemberDataAttributeBase
{
    public SharedMemberDataAttribute(string memberName, params object[] parameters)
        : base(memberName, parameters) => Skip = SharedFiles.SkipReason;

    protected override object[]? ConvertDataItem(MethodInfo testMethod, object? item) => (object[]?)item;
}

/// <summary>A row of a theory that reads what only <c>../shared</c> has.</summary>
[DataDiscoverer("Xunit.Sdk.InlineDataDiscoverer", "xunit.core")]
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class SharedInlineDataAttribute(params object?[] data) : DataAttribute
{
    public override string? Skip { get; set; } = SharedFiles.SkipReason;

    public override IEnumerable<object?[]> GetData(MethodInfo testMethod) => [data];
}
