using System.Numerics.Tensors;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Multiple negatives ranking: scores a sample at a time, then gradients a vector at a time.</summary>
internal sealed unsafe class RankingLossHost(
    CpuDevice device, int samples, int texts, int columns, float scale,
    BufferView<float> embeddings, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss,
    BufferView<float> scores, BufferView<float> norms, BufferView<float>? dEmbeddings)
    : RowHost(device, samples, samples * (texts - 1) * columns)
{
    private readonly float* x = CpuDevice.Pointer(embeddings);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* rowLoss = CpuDevice.Pointer(rowLoss);
    private readonly float* loss = CpuDevice.Pointer(loss);
    private readonly float* scores = CpuDevice.Pointer(scores);
    private readonly float* norms = CpuDevice.Pointer(norms);
    private readonly float* dx = dEmbeddings is { } wanted ? CpuDevice.Pointer(wanted) : null;
    private Gradients? gradients;

    public override string Name => "EmbeddingLosses_Ranking";

    private int Candidates => Rows * (texts - 1);

    protected override void Execute(HostThreads threads)
    {
        for (int row = 0; row < Rows * texts; row++)
        {
            norms[row] = Math.Max(TensorPrimitives.Norm(Vector(x, row)), EmbeddingLosses.LeastNorm);
        }

        base.Execute(threads);
        double sum = 0;
        for (int sample = 0; sample < Rows; sample++)
        {
            sum += rowLoss[sample];
        }

        *loss = (float)(sum / Rows);
        if (dx != null)
        {
            // A sample's rows in one piece: its first text meets all candidates, and each of the others all first texts.
            threads.For(Rows, gradients ??= new Gradients(this, texts));
        }
    }

    /// <summary>A sample's scores, its loss, and in place of the scores the loss's gradient by the products of the two vectors.</summary>
    protected override void Row(int sample, int worker)
    {
        var own = new Span<float>(scores + ((long)sample * Candidates), Candidates);
        ReadOnlySpan<float> anchor = Vector(x, sample * texts);
        float norm = norms[sample * texts];
        for (int candidate = 0; candidate < own.Length; candidate++)
        {
            int row = RowOf(candidate);
            own[candidate] = scale * (TensorPrimitives.Dot(anchor, Vector(x, row)) / (norm * norms[row]));
        }

        float largest = TensorPrimitives.Max(own);
        double sum = 0;
        foreach (float score in own)
        {
            sum += Math.Exp((double)score - largest);
        }

        rowLoss[sample] = (float)(Math.Log(sum) + largest - own[sample]);
        float share = scale * scalars[StepScalars.LossScale] / Rows / norm;
        for (int candidate = 0; candidate < own.Length; candidate++)
        {
            float probability = (float)(Math.Exp((double)own[candidate] - largest) / sum);
            own[candidate] = share * (probability - (candidate == sample ? 1 : 0)) / norms[RowOf(candidate)];
        }
    }

    private int RowOf(int candidate) => (candidate % Rows * texts) + 1 + (candidate / Rows);

    private Span<float> Vector(float* matrix, int row) => new(matrix + ((long)row * columns), columns);

    private void Gradient(int row)
    {
        int sample = row / texts, place = row % texts;
        Span<float> gradient = Vector(dx, row);
        gradient.Clear();
        for (int other = 0; other < (place == 0 ? Candidates : Rows); other++)
        {
            float by = place == 0
                ? scores[((long)sample * Candidates) + other]
                : scores[((long)other * Candidates) + sample + ((place - 1) * Rows)];
            TensorPrimitives.MultiplyAdd(Vector(x, place == 0 ? RowOf(other) : other * texts), by, gradient, gradient);
        }

        // What lies along the vector changes its length alone, which cosines do not see.
        ReadOnlySpan<float> own = Vector(x, row);
        float along = TensorPrimitives.Dot(gradient, own) / norms[row] / norms[row];
        TensorPrimitives.MultiplyAdd(own, -along, gradient, gradient);
    }

    private sealed class Gradients(RankingLossHost host, int texts) : IHostBody
    {
        public void Run(int piece, int worker)
        {
            for (int place = 0; place < texts; place++)
            {
                host.Gradient((piece * texts) + place);
            }
        }
    }
}

/// <summary>Squared differences of cosines, a pair at a time.</summary>
internal sealed unsafe class CosineLossHost(
    CpuDevice device, int samples, int columns,
    BufferView<float> embeddings, BufferView<float> targets, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss,
    BufferView<float>? dEmbeddings)
    : RangeHost(device, samples)
{
    private readonly float* x = CpuDevice.Pointer(embeddings);
    private readonly float* targets = CpuDevice.Pointer(targets);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* rowLoss = CpuDevice.Pointer(rowLoss);
    private readonly float* loss = CpuDevice.Pointer(loss);
    private readonly float* dx = dEmbeddings is { } wanted ? CpuDevice.Pointer(wanted) : null;
    private float gradientScale;

    public override string Name => "EmbeddingLosses_Cosine";

    protected override void Execute(HostThreads threads)
    {
        int counted = 0;
        for (int sample = 0; sample < samples; sample++)
        {
            counted += float.IsNaN(targets[sample]) ? 0 : 1;
        }

        gradientScale = counted == 0 ? 0 : 2f * scalars[StepScalars.LossScale] / counted;
        base.Execute(threads);
        double sum = 0;
        for (int sample = 0; sample < samples; sample++)
        {
            sum += rowLoss[sample];
        }

        *loss = counted == 0 ? 0 : (float)(sum / counted);
    }

    protected override void Range(long start, int length, int worker)
    {
        for (long sample = start; sample < start + length; sample++)
        {
            float* a = x + (2 * sample * columns), b = a + columns;
            double product = 0, squaresOfA = 0, squaresOfB = 0;
            for (int j = 0; j < columns; j++)
            {
                product += (double)a[j] * b[j];
                squaresOfA += (double)a[j] * a[j];
                squaresOfB += (double)b[j] * b[j];
            }

            double normA = Math.Max(Math.Sqrt(squaresOfA), EmbeddingLosses.LeastCosineNorm);
            double normB = Math.Max(Math.Sqrt(squaresOfB), EmbeddingLosses.LeastCosineNorm);
            double cosine = product / (normA * normB);
            double difference = float.IsNaN(targets[sample]) ? 0 : cosine - targets[sample];
            rowLoss[sample] = (float)(difference * difference);
            float* da = dx + (2 * sample * columns), db = da + columns;
            for (int j = 0; dx != null && j < columns; j++)
            {
                da[j] = (float)(gradientScale * difference * ((b[j] / normB) - (cosine * a[j] / normA)) / normA);
                db[j] = (float)(gradientScale * difference * ((a[j] / normA) - (cosine * b[j] / normB)) / normB);
            }
        }
    }
}
