using System.Collections.Immutable;

namespace Engine.Devices.Cuda.CublasLt;

/// <summary>
/// Where cublasLt may lie: by name where the system looks, then the folders of toolkits and of Python's and conda's packages.
/// </summary>
/// <param name="variable">The environment's variables; null of one that is not set.</param>
/// <param name="home">The user's folder.</param>
internal sealed class CublasLtFolders(Func<string, string?> variable, string home)
{
    private const int NewestVersion = 13;
    private const int OldestVersion = 11;

    /// <summary>What <c>ENGINE_CUBLAS</c> names; null where it is not set.</summary>
    public string? Chosen => Variable("ENGINE_CUBLAS");

    /// <summary>The folders of this process's environment.</summary>
    public static CublasLtFolders OfProcess() =>
        new(Environment.GetEnvironmentVariable, Environment.GetFolderPath(Environment.SpecialFolder.UserProfile));

    /// <summary>File names and paths to try, in this order. Paths that nobody chose are there.</summary>
    /// <param name="newest">The newest major version that the driver runs.</param>
    public ImmutableArray<string> Candidates(int newest)
    {
        string[] names = [.. Versions(newest).Select(FileOf)];
        if (Chosen is { } chosen)
        {
            return Directory.Exists(chosen)
                ? [.. from part in (string[])["", "lib64", "lib", "bin", "bin/x64"]
                    from name in names select Path.Combine(chosen, part, name)]
                : [chosen];
        }

        string[] folders = [.. Toolkits().Concat(Packages()).Where(Directory.Exists).Distinct()];
        return [.. names, ..
            from name in names from folder in folders let path = Path.Combine(folder, name) where File.Exists(path) select path];
    }

    private static IEnumerable<int> Versions(int newest)
    {
        for (int version = Math.Min(newest, NewestVersion); version >= OldestVersion; version--)
        {
            yield return version;
        }
    }

    private static string FileOf(int version) => OperatingSystem.IsWindows() ? $"cublasLt64_{version}.dll" : $"libcublasLt.so.{version}";

    private IEnumerable<string> Toolkits()
    {
        string[] parts = OperatingSystem.IsWindows() ? ["bin", "bin/x64"] : ["lib64", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"];
        IEnumerable<string> roots = ((string[])["CUDA_PATH", "CUDA_HOME"]).Select(Variable)
            .OfType<string>().Concat(OperatingSystem.IsWindows()
                ? Below(Path.Combine(Variable("ProgramFiles") ?? "", "NVIDIA GPU Computing Toolkit", "CUDA"), "v1*")
                : ["/usr/local/cuda", .. Below("/usr/local", "cuda-1*"), "/opt/cuda"]);
        return from root in roots from part in parts select Path.Combine(root, part);
    }

    /// <summary>NVIDIA's wheels (<c>nvidia/cublas</c> up to version 12, <c>nvidia/cu13</c> since) and conda's packages.</summary>
    private IEnumerable<string> Packages()
    {
        string[] environments = [.. ((string[])["VIRTUAL_ENV", "CONDA_PREFIX"]).Select(Variable).OfType<string>()];
        bool windows = OperatingSystem.IsWindows();
        IEnumerable<string> pythons = windows
            ? environments.Select(root => Path.Combine(root, "Lib"))
            : environments.Concat([Path.Combine(home, ".local"), "/usr/local", "/usr"])
                .SelectMany(root => Below(Path.Combine(root, "lib"), "python3*"));
        string[] parts = windows ? ["cublas/bin", "cu13/bin/x86_64", "cu13/bin"] : ["cublas/lib", "cu13/lib"];
        IEnumerable<string> wheels =
            from python in pythons
            from
                site in (string[])["site-packages", "dist-packages"]
            from part in parts
            select Path.Combine(python, site, "nvidia", part);
        return wheels.Concat(environments.Select(root => Path.Combine(root, windows ? "Library/bin" : "lib")));
    }

    /// <summary>The folders of a pattern, the highest version first.</summary>
    private static IEnumerable<string> Below(string folder, string pattern) => Directory.Exists(folder)
        ? Directory.GetDirectories(folder, pattern).OrderByDescending(VersionOf).ThenByDescending(path => path, StringComparer.Ordinal)
        : [];

    /// <summary>The number in a folder's name: 3.12 of python3.12.</summary>
    private static Version VersionOf(string folder)
    {
        string number = Path.GetFileName(folder).TrimStart([.. "abcdefghijklmnopqrstuvwxyz-"]);
        return Version.TryParse(number.Contains('.', StringComparison.Ordinal) ? number : number + ".0", out Version? version)
            ? version
            : new Version();
    }

    private string? Variable(string name) => variable(name) is { Length: > 0 } value ? value : null;
}
