using System.Text.Json;
using System.Text.Json.Serialization;

namespace Engine.Common.Files;

/// <summary>A set of files on its way into a folder; everything in it is written, and it can be finished whatever happened since.</summary>
/// <param name="From">The folder inside in which the set was written.</param>
/// <param name="Aside">The folder inside that what it replaces is moved to.</param>
/// <param name="Fresh">The set's files.</param>
/// <param name="Replaced">The files that give way.</param>
internal sealed record PendingSet(string From, string Aside, IReadOnlyList<string> Fresh, IReadOnlyList<string> Replaced);

/// <summary>
/// What a folder's manifest says: the files that were written into it, by name relative to the folder, with slashes. It is written before
/// the files are, so that every file of ours is named; one that is not there is nobody's.
/// </summary>
internal sealed record OutputManifest
{
    /// <summary>The file's name.</summary>
    public const string FileName = "manifest.json";

    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        WriteIndented = true,
    };

    /// <summary>Files that were written.</summary>
    public required SortedSet<string> Files { get; init; }

    /// <summary>Folders that hold nothing but what is being written or removed.</summary>
    public SortedSet<string> Temporary { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Null where no set is on its way.</summary>
    public PendingSet? Pending { get; set; }

    /// <summary>Reads a folder's manifest; an empty one where there is none.</summary>
    /// <exception cref="IOException">The file is not such a manifest, or names what lies outside the folder.</exception>
    public static OutputManifest Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return new OutputManifest { Files = new(StringComparer.Ordinal) };
        }

        try
        {
            OutputManifest read = JsonSerializer.Deserialize<OutputManifest>(File.ReadAllBytes(path), Format)
                ?? throw new JsonException("null");
            foreach (string name in read.Names)
            {
                if (!IsInside(name))
                {
                    throw new JsonException($"'{name}' is no name of a file in the folder");
                }
            }

            return read with { Files = new(read.Files, StringComparer.Ordinal), Temporary = new(read.Temporary, StringComparer.Ordinal) };
        }
        catch (JsonException exception)
        {
            throw new IOException(
                $"{path} is not the list of written files that this program keeps there ({exception.Message.TrimEnd('.')}). "
                    + "Choose another output; or move the file away, "
                + "and what lies in the folder counts as somebody else's.", exception);
        }
    }

    /// <summary>Writes it, under a temporary name first.</summary>
    public void Write(string folder) =>
        AtomicFile.WriteAllBytes(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, Format));

    private IEnumerable<string> Names =>
        [.. Files, .. Temporary, .. Pending is { } set ? (IEnumerable<string>)[set.From, set.Aside, .. set.Fresh, .. set.Replaced] : []];

    private static bool IsInside(string name) =>
        name.Length > 0 && !Path.IsPathRooted(name)
            && !name.Contains('\0') && (Path.DirectorySeparatorChar == '/' || !name.Contains(Path.DirectorySeparatorChar))
        && name.Split('/').All(part => part is not ("" or "." or ".."));
}
