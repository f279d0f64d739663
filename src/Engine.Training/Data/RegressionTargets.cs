using Engine.Model.Batching;
using System.Globalization;
using Engine.Common.Keys;

namespace Engine.Training.Data;

/// <summary>Labels of a regression task.</summary>
internal static class RegressionTargets
{
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
                throw example.Place.Wrong($"the label '{example.Label}' is not a finite number; {Setting.Of("task", "regression")} needs "
                    + "one in every row.");
            }
        }

        return targets;
    }
}
