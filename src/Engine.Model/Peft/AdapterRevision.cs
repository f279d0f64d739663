using System.Numerics.Tensors;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Loading;
using Engine.Model.Numerics;
using Engine.Safetensors;

namespace Engine.Model.Peft;

/// <summary>
/// Writes an adapter anew after a revision of its merged weights: where one was changed, A and B become sqrt(S) V^T and U sqrt(S) of the
/// leading singular triples, as many as its rank, of what it has beside the base weight over the adapter's scale. The rest is copied.
/// </summary>
internal static class AdapterRevision
{
    /// <summary>Writes the adapter's folder.</summary>
    /// <param name="folder">The model it was trained on.</param>
    /// <param name="output">A folder that is empty or not there yet.</param>
    /// <returns>What a user should know, in words.</returns>
    /// <exception cref="ModelFileException">The adapter does not fit the model, or is no product of B and A alone.</exception>
    /// <exception cref="IOException">The output could not be written, or holds something already.</exception>
    public static IReadOnlyList<string> Write(ModelFolder folder, string adapterFolder, string output, WeightRevision revision)
    {
        using OutputFolder target = AdapterMerge.OpenNew(output);
        using AdapterFile adapter = AdapterFile.Read(adapterFolder);
        if (adapter.Config.UseDora || adapter.Config.Form is not null)
        {
            throw new ModelFileException(
                adapterFolder, "only a layer that adds scale B A to its weight can be given another A and B; merge this adapter instead.");
        }

        using Checkpoint checkpoint = folder.OpenWeights();
        Architecture architecture = folder.CreateArchitecture(adapterFolder);
        AdapterBinding binding = ModelAdapters.Bind(architecture, adapter, allowMissing: false);
        var revised = new Dictionary<string, float[]>(StringComparer.Ordinal);
        foreach (LoraTensors tensors in binding.Modules)
        {
            ParameterSpec spec = architecture.Parameters.Single(parameter => parameter.Name == $"{tensors.Module}.weight");
            SafetensorsTensor weight = binding.SavedParameters.GetValueOrDefault(spec.Name)
                ?? ModelWeights.Find(checkpoint, architecture, spec.Name)?.RequireShape(ModelWeights.StoredShape(architecture, spec))
                ?? throw new ModelFileException(checkpoint.SourcePath, $"{spec.Name} is missing, on which the adapter sits.");
            TensorFill<float> values = binding.SavedParameters.ContainsKey(spec.Name)
                ? (first, destination) => weight.ReadFloat32(destination, first)
                : ModelWeights.Oriented(weight, spec);
            if (Revise(values, tensors, (float)adapter.Config.ScalingOf(tensors.Module), revision) is { } pair)
            {
                revised.Add(tensors.A.Name, pair.A);
                revised.Add(tensors.B.Name, pair.B);
            }
        }

        var writer = new SafetensorsWriter();
        foreach (SafetensorsTensor tensor in adapter.Tensors)
        {
            _ = revised.TryGetValue(tensor.Name, out float[]? values)
                ? writer.AddFloat32As(
                    tensor.Type,
                    tensor.Name,
                    [.. tensor.Shape],
                    (first, destination) => values.AsSpan((int)first, destination.Length).CopyTo(destination))
                : writer.Copy(tensor);
        }

        target.Replace(whole =>
        {
            writer.Write(Path.Combine(whole, AdapterFile.WeightsFileName));
            foreach (string file in Directory.EnumerateFiles(adapterFolder)
                .Where(file => Path.GetFileName(file) != AdapterFile.WeightsFileName))
            {
                File.Copy(file, Path.Combine(whole, Path.GetFileName(file)));
            }
        });
        target.Release(target.Files);
        return ModelLoading.Notes(binding);
    }

    /// <summary>A [rank, in] and B [out, rank] of a layer whose merged weight the revision changes; null for another.</summary>
    private static (float[] A, float[] B)? Revise(TensorFill<float> weight, LoraTensors tensors, float scale, WeightRevision revision)
    {
        int rows = checked((int)tensors.B.Shape[0]), columns = checked((int)tensors.A.Shape[1]), rank = tensors.Rank;
        float[] delta = new RevisedWeight(tensors.Module, weight, new MergedWeight(weight, tensors, scale).Fill, rows, columns, revision)
            .Make(out float[] before, out bool changed);
        if (!changed)
        {
            return null;
        }

        TensorPrimitives.Subtract(delta, before, delta);
        TensorPrimitives.Divide(delta, scale, delta);
        SingularTriples triples = TruncatedSvd.Compute(
            delta, rows, columns, Math.Min(rank, Math.Min(rows, columns)), new PhiloxGenerator(0, RandomStream.SingularVectors, 0));
        return triples.Factors(rank, k => k < triples.Values.Length ? (k, Math.Sqrt(triples.Values[k])) : (0, 0));
    }
}
