using Engine.Safetensors;

namespace Engine.Training.Running;

/// <summary>A file of sentence vectors: safetensors with one tensor, <c>embeddings</c> [texts, dimensions], float32.</summary>
public static class VectorFile
{
    /// <summary>The tensor's name.</summary>
    public const string TensorName = "embeddings";

    /// <summary>Writes vectors in their order.</summary>
    /// <param name="dimensions">Numbers of each vector.</param>
    /// <exception cref="IOException">The file could not be written.</exception>
    public static void Write(string path, IReadOnlyList<float[]> vectors, int dimensions)
    {
        TensorFill<float> fill = (first, part) =>
        {
            for (int i = 0; i < part.Length; i++)
            {
                (long row, long column) = Math.DivRem(first + i, dimensions);
                part[i] = vectors[(int)row][column];
            }
        };
        new SafetensorsWriter().Add(TensorName, [vectors.Count, dimensions], fill).Write(path);
    }
}
