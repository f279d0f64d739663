using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Model.Batching;

namespace Engine.Training.Data;

/// <summary>A folder as <c>save_to_disk</c> of Hugging Face datasets writes it: Arrow files, which <c>state.json</c> lists.</summary>
internal static class SavedDataset
{
    private const string State = "state.json", Dictionary = "dataset_dict.json";

    private static readonly string[] OwnFiles = [State, Dictionary, "dataset_info.json", "dataset_infos.json"];

    /// <summary>Whether a name is that of a file that describes a data set and holds none of it.</summary>
    public static bool IsOwnFile(string name) => OwnFiles.Contains(name);

    /// <summary>The files of the data set in its order; null where the folder is no such.</summary>
    /// <exception cref="DataFileException">The folder holds several splits, or a file that is listed is not there.</exception>
    /// <exception cref="ModelFileException">A list that cannot be used.</exception>
    public static IReadOnlyList<string>? Files(string folder)
    {
        string splits = Path.Combine(folder, Dictionary), state = Path.Combine(folder, State);
        if (File.Exists(splits))
        {
            IReadOnlyList<string> names = new JsonSection(splits, JsonFile.ReadObject(splits)).OptionalStrings("splits") ?? [];
            throw new DataFileException(folder, $"the folder is a data set of several splits: {string.Join(", ", names)}; name the "
                + $"folder of one, such as {Path.Combine(folder, names.FirstOrDefault("train"))}.");
        }

        return File.Exists(state) ? Listed(folder, state) : null;
    }

    private static List<string>? Listed(string folder, string state)
    {
        JsonSection section = new(state, JsonFile.ReadObject(state));
        if (section.Content["_data_files"] is not { } list)
        {
            return null;
        }

        if (section.Content["_indices_data_files"] is JsonArray { Count: > 0 })
        {
            throw new DataFileException(folder, "the data set is a selection of its rows, which is not read; call flatten_indices() "
                + "and save it again.");
        }

        List<string> files = [];
        foreach (JsonNode? entry in list as JsonArray ?? throw section.Wrong("_data_files", "a list of files"))
        {
            string? name = entry is JsonObject file && file["filename"] is JsonValue value && value.GetValueKind() == JsonValueKind.String
                ? value.GetValue<string>()
                : null;
            if (name is null || name.Length == 0 || Path.GetFileName(name) != name)
            {
                throw section.Wrong("_data_files", "a list of objects with 'filename', the name of a file beside it,");
            }

            files.Add(Path.Combine(folder, name));
        }

        return files.Count > 0
            ? files.Find(file => !File.Exists(file)) is { } missing
                ? throw new DataFileException(missing, $"the file does not exist, and {state} lists it; bring the whole folder here again.")
                : files
            : throw new DataFileException(folder, $"the data set has no files; {State} lists none.");
    }
}
