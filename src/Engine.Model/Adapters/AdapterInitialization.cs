using System.Numerics.Tensors;
using Engine.Common.Keys;
using Engine.Devices;
using Engine.Graph;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Loading;
using Engine.Model.Numerics;
using Engine.Model.Peft;

namespace Engine.Model.Adapters;

/// <summary>What a new adapter starts from: PEFT's <c>init_lora_weights</c>.</summary>
internal static class AdapterInitialization
{
    /// <summary>The starts that are known, for messages.</summary>
    public const string Known = "true, gaussian, pissa and pissa_niter_N";

    private const string Gaussian = "gaussian";

    /// <summary>Why a value of <c>init_lora_weights</c> cannot start an adapter; null where it can.</summary>
    public static string? Problem(string value) => value switch
    {
        "true" or Gaussian => null,
        _ when AdapterConfig.IsPissa(value) => null,
        "false" => "it starts B at random and so changes the model before the first step; PEFT has it for tests alone",
        "loftq" => "LoftQ starts from the error of a quantised base, and bases are not quantised here",
        "eva" or "corda" or "lora_ga" => $"{value} needs a pass over data before training, which is not made here",
        "olora" or "orthogonal" => $"{value} is not made here; pissa too starts from the weight itself",
        _ => "it is no start that PEFT knows",
    };

    /// <summary>
    /// Starts every adapter. <c>true</c>: A uniform in +-1 / sqrt(in), B zero (as PEFT); <c>gaussian</c>: A normal with deviation 1 / r, B
    /// zero; <c>pissa</c>: the leading singular triples of the weight, which is left without them (arXiv 2404.02948). DoRA's magnitudes are
    /// the row norms of the weight, and tokens start from their rows. The weights must be loaded.
    /// </summary>
    /// <param name="initialization">PEFT's <c>init_lora_weights</c>. <c>pissa_niter_N</c>, PEFT's approximation, is computed as exactly as
    /// <c>pissa</c>.</param>
    /// <exception cref="ArgumentException">The start is not known; see <see cref="Problem"/>.</exception>
    public static void Start(TransformerModel model, ulong seed, string initialization = "true")
    {
        if (Problem(initialization) is { } problem)
        {
            throw new ArgumentException($"{Setting.Of("init_lora_weights")} is '{initialization}': {problem}. Known are "
                + $"{Known}.", nameof(initialization));
        }

        ModelWeights.RefreshNorms(model);
        foreach (TokenRows rows in model.TokenRows)
        {
            var values = new float[rows.Values.Shape.Count];
            ModelWeights.ReadRows(rows.Table, rows.Indices, values);
            rows.Values.View<float>().Write(values);
        }

        foreach (LoraLinear adapter in model.Adapters)
        {
            adapter.Magnitude?.View<float>().Write([.. adapter.BaseNorm!.View<float>().ToArray().Select(MathF.Sqrt)]);
            if (AdapterConfig.IsPissa(initialization))
            {
                Decompose(adapter, seed);
                continue;
            }

            adapter.B.View<float>().Write(new float[adapter.B.Shape.Count]);
            if (initialization == Gaussian)
            {
                DrawNormal(adapter, seed);
            }
            else
            {
                DrawUniform(adapter.A, seed, RandomStream.AdapterInitialization, adapter.Index);
            }

            adapter.Form?.Start(adapter, seed);
        }

        ModelWeights.RefreshNorms(model);
    }

    /// <summary>Draws an A [rank, in] as PEFT does: uniform in +-1 / sqrt(in).</summary>
    public static void DrawUniform(Variable a, ulong seed, uint stream, int layer)
    {
        var values = new float[a.Shape.Count];
        var generator = new PhiloxGenerator(seed, stream, (uint)layer);
        double bound = 1 / Math.Sqrt(a.Shape.Columns);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)(((2 * PhiloxGenerator.ToUniform(generator.Block((ulong)i).X)) - 1) * bound);
        }

        a.View<float>().Write(values);
    }

    private static void DrawNormal(LoraLinear adapter, ulong seed)
    {
        var normals = new double[adapter.A.Shape.Count];
        new PhiloxGenerator(seed, RandomStream.AdapterInitialization, (uint)adapter.Index).FillNormals(normals);
        adapter.A.View<float>().Write([.. normals.Select(normal => (float)(normal / adapter.Rank))]);
    }

    /// <summary>
    /// PiSSA (Meng et al. 2024, arXiv 2404.02948): B = U sqrt(S / s), A = sqrt(S / s) V^T, and the frozen weight becomes W0 - s B A.
    /// </summary>
    private static void Decompose(LoraLinear adapter, ulong seed)
    {
        int rows = adapter.Weight.Shape.Rows, columns = adapter.Weight.Shape.Columns, rank = adapter.Rank;
        if (adapter.Weight.Type != ElementType.Float32)
        {
            throw new ArgumentException(
                $"{Setting.Of("init_lora_weights")} is pissa, and the base weights are stored as {adapter.Weight.Type}: "
                    + "what is left of them would be rounded, and the start no longer be the model. Set "
                    + $"{Setting.Of("dtype", "float32")}.");
        }

        if (rank > Math.Min(rows, columns))
        {
            throw new ArgumentException(
                $"{Setting.Of("init_lora_weights")} is pissa, and {adapter.Module} [{rows}, {columns}] has no {rank} singular values; "
                    + $"lower r to at most {Math.Min(rows, columns)}.");
        }

        float[] weight = adapter.Weight.View<float>().ToArray();
        SingularTriples triples =
            TruncatedSvd.Compute(weight, rows, columns, rank, new PhiloxGenerator(seed, RandomStream.SingularVectors, (uint)adapter.Index));
        (float[] a, float[] b) = triples.Factors(rank, k => (k, Math.Sqrt(triples.Values[k] / adapter.Scale)));
        TakeOut(adapter.Weight, a, b, rank, adapter.Scale);
        adapter.A.View<float>().Write(a);
        adapter.B.View<float>().Write(b);
        adapter.Removed = (a, b);
    }

    /// <summary>Takes scale B A out of a float32 weight [rows, columns], in float64: the same bits whenever it is done.</summary>
    /// <param name="a">[rank, columns].</param>
    /// <param name="b">[rows, rank].</param>
    internal static void TakeOut(Variable variable, float[] a, float[] b, int rank, double scale)
    {
        float[] weight = variable.View<float>().ToArray();
        int rows = variable.Shape.Rows, columns = variable.Shape.Columns;
        var row = new double[columns];
        var factor = new double[columns];
        for (int i = 0; i < rows; i++)
        {
            Span<float> kept = weight.AsSpan(i * columns, columns);
            TensorPrimitives.ConvertTruncating<float, double>(kept, row);
            for (int k = 0; k < rank; k++)
            {
                TensorPrimitives.ConvertTruncating<float, double>(a.AsSpan(k * columns, columns), factor);
                TensorPrimitives.MultiplyAdd(factor, -scale * b[(i * rank) + k], row, row);
            }

            TensorPrimitives.ConvertTruncating<double, float>(row, kept);
        }

        variable.View<float>().Write(weight);
    }
}
