using Engine.Common;
using Engine.Common.Keys;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.FineTuning;

/// <summary>
/// What a run's <c>Data</c> says where the examples are the program's. Of a run that names files of its own, as one that was read from a
/// run file does, what it says of these goes with them; of another, what only files have is refused.
/// </summary>
internal static class ExampleData
{
    /// <summary>What is read of data files only.</summary>
    private static readonly string[] OfFiles =
    [
        nameof(DataConfiguration.Validation), nameof(DataConfiguration.Format), nameof(DataConfiguration.Header),
        nameof(DataConfiguration.Delimiter), nameof(DataConfiguration.Text), nameof(DataConfiguration.TextPair),
        nameof(DataConfiguration.TextNegatives), nameof(DataConfiguration.Label), nameof(DataConfiguration.Limit),
        nameof(DataConfiguration.ValidationLimit), nameof(DataConfiguration.Kind),
    ];

    /// <summary>Whether the run names files of its own to train on.</summary>
    public static bool IsOfFiles(DataConfiguration? given) => given?.Train is not null;

    /// <param name="validates">Whether the program also gives examples to evaluate on.</param>
    /// <exception cref="ConfigurationException">The message names the property.</exception>
    public static void Check(DataConfiguration? given, bool validates)
    {
        if (given is null || IsOfFiles(given))
        {
            return;
        }

        SectionKey? ofFiles = SectionKey.Of(typeof(DataConfiguration))
            .FirstOrDefault(key => OfFiles.Contains(key.Property.Name) && key.Property.GetValue(given) is not null);
        if (ofFiles is not null)
        {
            throw new ConfigurationException(
                $"Data.{ofFiles.Property.Name} is read of data files, and the examples are given by the program; leave it out"
                    + (ofFiles.Property.Name == nameof(DataConfiguration.Validation) ? ", or give examples to validate on, too." : "."));
        }

        if (validates && given.ValidationSplit is not null)
        {
            throw new ConfigurationException(
                "Data.ValidationSplit holds a share of the training examples out, and examples to validate on are given, too; leave out one "
                    + "of the two.");
        }
    }

    /// <summary>The section that reads the program's examples from the files they were written to.</summary>
    /// <param name="given">The run's own; null for none.</param>
    public static DataConfiguration Of(DataConfiguration? given, DataFiles train, DataFiles? validation) =>
        (given ?? new DataConfiguration()) with
        {
            Train = train,
            Validation = validation,
            ValidationSplit = validation is null ? given?.ValidationSplit : null,
            Format = null,
            Header = null,
            Delimiter = null,
            Text = null,
            TextPair = null,
            TextNegatives = null,
            Label = null,
            Limit = null,
            ValidationLimit = null,
            Kind = null,
        };
}
