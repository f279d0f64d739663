using System.Collections.Immutable;

namespace Engine.Devices.Cuda;

/// <summary>Where NVRTC may lie: by name where the system looks, then the folders of toolkits and of Python's and conda's packages.</summary>
/// <param name="variable">The environment's variables; null of one that is not set.</param>
/// <param name="home">The user's folder.</param>
internal sealed class NvrtcFolders(Func<string, string?> variable, string home)
{
    /// <summary>File names of versions 13 to 11.2, newest first: one name serves all versions of a major number, since 11.2.</summary>
    private static ImmutableArray<string> Names { get; } = OperatingSystem.IsWindows()
        ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll", "nvrtc64_112_0.dll"]
        : ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"];

    /// <summary>What <c>ENGINE_NVRTC</c> names; null where it is not set.</summary>
    public string? Chosen => Variable("ENGINE_NVRTC");

    /// <summary>The folders of this process's environment.</summary>
    public static NvrtcFolders OfProcess() =>
        new(Environment.GetEnvironmentVariable, Environment.GetFolderPath(Environment.SpecialFolder.UserProfile));

    /// <summary>File names and paths to try, in this order. Paths that nobody chose are there.</summary>
    public ImmutableArray<string> Candidates()
    {
        if (Chosen is { } chosen)
        {
            return Directory.Exists(chosen)
                ? [.. from part in (string[])["", "lib64", "lib", "bin"] from name in Names select Path.Combine(chosen, part, name)]
                : [chosen];
        }

        string[] folders = [.. Toolkits().Concat(Packages()).Where(Directory.Exists).Distinct()];
        return [.. Names, .. from name in Names from folder in folders let path = Path.Combine(folder, name) where File.Exists(path) select path];
    }

    private IEnumerable<string> Toolkits()
    {
        string[] parts = OperatingSystem.IsWindows() ? ["bin", "bin/x64"] : ["lib64", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"];
        IEnumerable<string> roots = ((string[])["CUDA_PATH", "CUDA_HOME"]).Select(Variable).OfType<string>().Concat(OperatingSystem.IsWindows()
            ? Below(Path.Combine(Variable("ProgramFiles") ?? "", "NVIDIA GPU Computing Toolkit", "CUDA"), "v1*")
            : ["/usr/local/cuda", .. Below("/usr/local", "cuda-1*"), "/opt/cuda"]);
        return from root in roots from part in parts select Path.Combine(root, part);
    }

    /// <summary>NVIDIA's wheels (<c>nvidia/cuda_nvrtc</c> up to version 12, <c>nvidia/cu13</c> since) and conda's packages.</summary>
    private IEnumerable<string> Packages()
    {
        string[] environments = [.. ((string[])["VIRTUAL_ENV", "CONDA_PREFIX"]).Select(Variable).OfType<string>()];
        bool windows = OperatingSystem.IsWindows();
        IEnumerable<string> pythons = windows
            ? environments.Select(root => Path.Combine(root, "Lib"))
            : environments.Concat([Path.Combine(home, ".local"), "/usr/local", "/usr"]).SelectMany(root => Below(Path.Combine(root, "lib"), "python3*"));
        string[] parts = windows ? ["cuda_nvrtc/bin", "cu13/bin/x86_64", "cu13/bin"] : ["cuda_nvrtc/lib", "cu13/lib"];
        IEnumerable<string> wheels =
            from python in pythons from site in (string[])["site-packages", "dist-packages"] from part in parts select Path.Combine(python, site, "nvidia", part);
        return wheels.Concat(environments.Select(root => Path.Combine(root, windows ? "Library/bin" : "lib")));
    }

    /// <summary>The folders of a pattern, the highest version first.</summary>
    private static IEnumerable<string> Below(string folder, string pattern) => Directory.Exists(folder)
        ? Directory.GetDirectories(folder, pattern).OrderDescending(StringComparer.Ordinal)
        : [];

    private string? Variable(string name) => variable(name) is { Length: > 0 } value ? value : null;
}
