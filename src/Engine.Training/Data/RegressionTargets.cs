using Engine.Model.Batching;
using System.Globalization;
using Engine.Common.Keys;

namespace Engine.Training.Data;

/// <summary>Labels of a regression task.</summary>
internal static class RegressionTargets
{
    /// <summary>The cosine that every pair is labelled with.</summary>
    /// <param name="divisor">What a label is divided by.</param>
    /// <exception cref="DataFileException">A label that is missing, no number, or then none from -1 to 1.</exception>
    public static float[] Cosines(ExampleSet set, double divisor)
    {
        float[] targets = [.. Encode(set).Select(label => (float)(label / divisor))];
        int wrong = Array.FindIndex(targets, target => target is < -1 or > 1);
        return wrong < 0 ? targets : throw set.Examples[wrong].Place.Wrong(divisor == 1
            ? $"the label '{set.Examples[wrong].Label}' is no cosine, which is at most 1; for scores from 0 to 5, say, "
                + $"set {Setting.Of("data.label_divisor")} to 5."
            : string.Create(
                CultureInfo.InvariantCulture,
                $"the label '{set.Examples[wrong].Label}' divided by {divisor} ({Setting.Of("data.label_divisor")}) is {targets[wrong]}, "
                    + $"and no cosine, which is at most 1."));
    }

    /// <summary>The number every row is labelled with.</summary>
    /// <exception cref="DataFileException">A label that is missing, no number, NaN or infinite.</exception>
    public static float[] Encode(ExampleSet set)
    {
        float[] targets = new float[set.Count];
        for (int i = 0; i < targets.Length; i++)
        {
            Example example = set.Examples[i];
            if (example.Label is null)
            {
                throw example.Place.Wrong($"the row was read without a label; name the label column in {Setting.Of("data.label")}.");
            }

            if (!float.TryParse(example.Label, NumberStyles.Float, CultureInfo.InvariantCulture, out targets[i])
                || !float.IsFinite(targets[i]))
            {
                throw example.Place.Wrong($"the label '{example.Label}' is not a finite number; this task needs one in every row.");
            }
        }

        return targets;
    }
}
