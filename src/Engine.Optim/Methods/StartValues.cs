using System.Globalization;
using Engine.Common;
using Engine.Graph;
using Engine.Model.Execution;
using Engine.Safetensors;

namespace Engine.Optim.Methods;

/// <summary>Factors that a method starts from a file.</summary>
internal static class StartValues
{
    /// <summary>Copies a tensor to a factor of the same shape.</summary>
    /// <param name="key">The run file's key that names the file, for messages.</param>
    /// <exception cref="ConfigurationException">A number is not finite.</exception>
    public static void Upload(SafetensorsTensor tensor, Variable factor, string key) =>
        factor.View<float>().Write(Read(tensor, factor, key));

    /// <summary>The numbers that a factor of this tensor's shape starts from.</summary>
    /// <param name="key">The run file's key that names the file, for messages.</param>
    /// <exception cref="ConfigurationException">A number is not finite.</exception>
    public static float[] Read(SafetensorsTensor tensor, Variable factor, string key)
    {
        float[] values = tensor.RequireShape(ModelWeights.Longs(factor.Shape)).ToFloat32();
        int strange = Array.FindIndex(values, value => !float.IsFinite(value));
        if (strange >= 0)
        {
            (int row, int column) = Math.DivRem(strange, factor.Shape.Columns);
            throw new ConfigurationException(string.Create(
                CultureInfo.InvariantCulture,
                $"{tensor.FilePath}: tensor '{tensor.Name}' holds {values[strange]} at row {row}, column {column}; "
                + $"factors start from finite float32 numbers ({key})."));
        }

        return values;
    }
}
