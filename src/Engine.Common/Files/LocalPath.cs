using System.Text.RegularExpressions;

namespace Engine.Common.Files;

/// <summary>What a path is for.</summary>
public enum PathUse
{
    /// <summary>A model, an adapter or a file that is read.</summary>
    Read,

    /// <summary>A single file that is read.</summary>
    ReadFile,

    /// <summary>What is written.</summary>
    Write,
}

/// <summary>
/// Tells paths of this machine from what other programs take in their place: addresses of the hub, URLs, paths of another system.
/// </summary>
public static partial class LocalPath
{
    /// <summary>How to get a model that is not here yet, as a sentence.</summary>
    public const string HubHint =
        "A model of the Hugging Face Hub is downloaded first, for instance: git clone https://huggingface.co/ORG/NAME (with Git LFS), or "
            + "hf download ORG/NAME --local-dir NAME.";

    /// <summary>Why a text cannot be a path here, and what to give instead, as the end of a sentence; null where it may be one.</summary>
    public static string? Problem(string text, PathUse use = PathUse.Read)
    {
        if (HubAddress().Match(text) is { Success: true } hub)
        {
            string repository = hub.Groups["repository"].Value;
            return "an address of the Hugging Face Hub, " + (use == PathUse.Read
                ? $"and nothing is read from a network; download it (hf download {repository} --local-dir {repository.Split('/')[^1]}) "
                    + "and give that folder."
                : Remedy(use));
        }

        if (text.StartsWith("file://", StringComparison.OrdinalIgnoreCase))
        {
            return "a URL; write the path alone, without file://.";
        }

        if (Url().IsMatch(text))
        {
            return $"a URL, {Remedy(use)}";
        }

        if (!OperatingSystem.IsWindows() && WindowsPath().IsMatch(text))
        {
            return "a path as Windows writes it, and this machine's folders are separated by '/'.";
        }

        return text.StartsWith('~') ? "not expanded; write the home folder out, for instance $HOME in a shell." : null;
    }

    private static string Remedy(PathUse use) => use switch
    {
        PathUse.Write => "and nothing is written to a network; give a path of this machine, and copy what is written there afterwards.",
        PathUse.ReadFile => "and nothing is read from a network; download the file and give its path here.",
        _ => "and nothing is read from a network; download it and give the file or folder.",
    };

    /// <summary>A path with <c>~/</c> at its beginning as the user's home folder.</summary>
    public static string ExpandHome(string path) => path.StartsWith("~/", StringComparison.Ordinal)
        ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), path[2..])
        : path;

    [GeneratedRegex(
        @"^(hf:(//)?(models/)?|https?://(www\.)?(huggingface\.co|hf\.co)/)(?<repository>[\w.-]+/[\w.-]+)", RegexOptions.IgnoreCase)]
    private static partial Regex HubAddress();

    [GeneratedRegex(@"^[a-z][a-z0-9+.-]+://", RegexOptions.IgnoreCase)]
    private static partial Regex Url();

    // A drive, a server, or nothing but backslashes between names.
    [GeneratedRegex(@"^([a-z]:[\\/]|\\\\|[^/]*\\[^/]*$)", RegexOptions.IgnoreCase)]
    private static partial Regex WindowsPath();
}
