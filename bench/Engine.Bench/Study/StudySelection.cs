namespace Engine.Bench.Study;

/// <summary>The settings with which a method goes on after the search.</summary>
internal static class StudySelection
{
    /// <summary>
    /// Those with the best mean accuracy on the rows that the search held out, ties by the smaller mean loss there. Null while the search
    /// of this method is not finished: a setting without all its seeds.
    /// </summary>
    /// <param name="count">The best so many; all, where there are no more.</param>
    /// <param name="seeds">Of the search.</param>
    public static IReadOnlyList<string>? Best(StudyMethod method, IReadOnlyList<StudyLine> lines, int count, int seeds)
    {
        if (method.Settings.Count <= count)
        {
            return method.Settings;
        }

        ILookup<string, StudyLine> found =
            lines.Where(line => line.Part == StudyPart.SearchName && line.Method == method.Name).ToLookup(line => line.Setting);
        return method.Settings.Any(setting => found[setting].Count() < seeds)
            ? null
            : [.. method.Settings
                .OrderByDescending(setting => found[setting].Average(line => line.Metrics["accuracy"]!.Value))
                .ThenBy(setting => found[setting].Average(line => line.Metrics["loss"]!.Value))
                .Take(count)];
    }
}
