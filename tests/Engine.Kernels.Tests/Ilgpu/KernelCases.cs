using Engine.Devices;
using Engine.Devices.Kernels;
using SegmentWork = Engine.Kernels.Segments;

namespace Engine.Kernels.Tests;

/// <summary>
/// A tiny case of every kernel without tiles, by family: more than one group where a kernel has groups, and a last one that is not full.
/// </summary>
internal static class KernelCases
{
    /// <summary>Elements, or columns of a row: a full group of 256 items and a part of another.</summary>
    private const int Count = 300;

    /// <summary>The same of kernels whose items have four elements each, the last fewer.</summary>
    private const int Quads = (4 * Count) - 1;

    /// <summary>Rows that are more than one chunk.</summary>
    private const int ChunkedRows = LaunchShapes.RowsPerChunk + 1;

    private const uint Stream = 5;

    /// <summary>What functions meet at the ends of their range, of either sign.</summary>
    private static readonly float[] Far = [90f, -90f, 1e19f, -1e19f, 1e-30f, -0f];

    /// <summary>Ties, overflows, subnormal numbers of 16-bit types, and what is no number.</summary>
    private static readonly float[] HardToStore =
    [
        -0f, 1f + (1f / 2048), 1f + (3f / 2048), 1f + (1f / 256), 1f + (3f / 256), 65519f, 65520f, -65520f, 6e-8f, 2.98e-8f, 2.99e-8f,
        1e-40f, float.Epsilon, float.MaxValue,
        float.PositiveInfinity, float.NegativeInfinity, float.NaN,
    ];

    private static readonly SegmentTable Segments =
        new([new(3, 7), new(10, SegmentTable.ChunkElements + 5, Scaled: false), new(SegmentTable.ChunkElements + 20, Count)]);

    /// <summary>Binds a family's launches in an order in which they can run.</summary>
    public static IReadOnlyDictionary<string, Func<KernelRun, Launch[]>> All { get; } = new Dictionary<string, Func<KernelRun, Launch[]>>(
        StringComparer.Ordinal)
    {
        ["activations"] = run =>
        [
            .. Enum.GetValues<ActivationKind>().Except([ActivationKind.None]).SelectMany(kind => (Launch[])
            [
                Activations.Forward(run.Device, kind, Count, Wide(run), run.Output(Count)),
                Activations.Backward(run.Device, kind, Count, Wide(run), Values(run, 2, Count), run.Output(Count)),
            ]),
            SwiGlu.Forward(run.Device, Count, Wide(run), Values(run, 2, Count), run.Output(Count)),
            SwiGlu.Backward(
                run.Device, Count, Wide(run), Values(run, 2, Count), Values(run, 3, Count), run.Output(Count), run.Output(Count)),
            .. ((ActivationKind[])[ActivationKind.GeluErf, ActivationKind.GeluTanh]).SelectMany(kind => (Launch[])
            [
                GeGlu.Forward(run.Device, kind, Count, Wide(run), Values(run, 2, Count), run.Output(Count)),
                GeGlu.Backward(
                    run.Device, kind, Count, Wide(run), Values(run, 2, Count), Values(run, 3, Count), run.Output(Count), run.Output(Count)),
            ]),
            SoftCap.Forward(run.Device, Count, 3f, Wide(run), run.Output(Count)),
            SoftCap.Backward(run.Device, Count, 3f, Values(run, 1, Count, 2), Values(run, 2, Count), run.Output(Count)),
        ],
        ["elementwise"] = run =>
        [
            Elementwise.Add(run.Device, Count, Values(run, 1, Count), Values(run, 2, Count), run.Output(Count)),
            Elementwise.AddScaled(run.Device, Count, 0.3f, Values(run, 1, Count), Values(run, 2, Count)),
            Elementwise.AddProduct(run.Device, Count, Values(run, 1, Count), Values(run, 2, Count), Values(run, 3, Count)),
            .. ((bool[])[false, true]).Select(blends => Elementwise.Mix(
                run.Device, Count, 0.7f, StepScalars.OfMethods, blends, run.Scalars((StepScalars.OfMethods, 0.3f)), run.Put(1f),
                Values(run, 1, Count), Values(run, 2, Count))),
            Elementwise.Move(
                run.Device, Count, StepScalars.SampleWeight, run.Scalars((StepScalars.SampleWeight, 0.3f)), run.Put(0.7f),
                Values(run, 1, Count), Values(run, 2, Count)),
            .. ((bool[])[false, true]).Select(
                adds => Elementwise.Window(run.Device, 20, 15, adds, Values(run, 1, 20 * 17), 17, Values(run, 2, 20 * 19), 19)),
            .. ((bool[])[false, true]).Select(biased => Elementwise.ScaleColumns(
                run.Device, 20, 15, 1f, Values(run, 1, Count), Values(run, 2, 15), biased ? Values(run, 3, 15) : null, run.Output(Count))),
            Elementwise.Scale(run.Device, Count, 0.3f, Values(run, 1, Count), run.Output(Count)),
            Elementwise.ScaleBy(run.Device, Count, run.Put(0.3f), Values(run, 1, Count), run.Output(Count)),
            Elementwise.Copy(run.Device, Count, Values(run, 1, Count), run.Output(Count)),
            Elementwise.Fill(run.Device, Count, 0.3f, run.Output(Count)),
        ],
        ["attention"] = run =>
        [
            .. AttentionTests.BindPasses(run, new AttentionCase([66], [66], 1, 1, 17, causal: true, dropout: 0.25f)),
            .. AttentionTests.BindPasses(run, new AttentionCase([2], [3], 2, 1, 5)),
            .. AttentionTests.BindPasses(run, new AttentionCase([70], [70], 1, 1, 8, causal: true, window: 5, softCap: 2f, biasStep: 2)),
            .. AttentionTests.BindPasses(run, new AttentionCase([66], [66], 1, 1, 5, window: 3)),
        ],
        ["biases of attention"] = run =>
        [
            RelativeBiases.Forward(
                run.Device, 2, 9, 40, run.PutStored(ElementType.BFloat16, Numbers.Values(1, 64)),
                run.Put(RelativeBiases.Buckets(40, 32, 128, bidirectional: true)), run.Output(2 * 9 * 40)),
            RelativeBiases.Gradient(
                run.Device, 2, 40, 9, 32, run.Put(RelativeBiases.Buckets(40, 32, 128, bidirectional: false)), Values(run, 1, 2 * 9 * 40),
                Values(run, 2, 64)),
        ],
        ["products of tiles"] = run =>
        [
            Product(run, new MatMulShape(65, 66, 18, MatMulLayout.NT) { Alpha = -0.75f, Activation = ActivationKind.GeluErf },
                ElementType.Float16),
            Product(run, new MatMulShape(
                17, 66, 18, MatMulLayout.NN) { Beta = 1f, Batch = 2, BatchStrideA = 17 * 18, BatchStrideB = 18 * 66,
                    BatchStrideC = 17 * 66 }, ElementType.BFloat16),
            Product(run, new MatMulShape(65, 17, 18, MatMulLayout.TN) { StrideA = 66, StrideB = 18, StrideC = 19 }, ElementType.Float32),
        ],
        ["thin products"] = run =>
        [
            Product(run, new MatMulShape(3, 10, 260, MatMulLayout.NT) { Alpha = -0.75f, Activation = ActivationKind.Tanh },
                ElementType.Float16),
            Product(run, new MatMulShape(3, 18, 130, MatMulLayout.NN) { Beta = 1f }, ElementType.BFloat16),
            Product(run, new MatMulShape(10, 3, 260, MatMulLayout.NN), ElementType.Float16),
            Product(run, new MatMulShape(18, 3, 130, MatMulLayout.TN) { StrideA = 20, StrideB = 4, StrideC = 5 }, ElementType.Float32),
        ],
        ["around products of a library"] = run =>
        [
            .. ((ElementType[])[ElementType.Float16, ElementType.BFloat16]).Select(type =>
            {
                var shape = new MatMulShape(3, 40, Count, MatMulLayout.NT) { Products = type };
                return MatMulVendor.Rounding(run.Device, shape, run.Put(Hard(1, 3 * Count)), run.Output(MatMulVendor.Workspace(shape)));
            }),
            .. ((bool[])[false, true]).Select(adds => MatMulVendor.Finishing(
                run.Device, new MatMulShape(3, Count, 7, MatMulLayout.NT) { Activation = ActivationKind.GeluTanh },
                Values(run, 1, 3 * Count), adds ? Values(run, 2, 3 * Count) : null,
                run.Output(3 * Count))),
        ],
        ["normalization"] = run =>
        {
            const int Rows = 3;
            BufferView<float> x = Values(run, 1, Rows * Count), weight = Values(run, 2, Count), dy = Values(run, 3, Rows * Count),
                addend = Values(run, 4, Rows * Count);
            BufferView<float> mean = run.Output(Rows), deviation = run.Output(Rows), rms = run.Output(Rows);
            BufferView<float> tall = Values(run, 5, ChunkedRows * Count), gradient = Values(run, 6, ChunkedRows * Count),
                means = Values(run, 7, ChunkedRows), scales = Values(run, 8, ChunkedRows);
            return
            [
                LayerNorm.Forward(
                    run.Device, Rows, Count, 1e-5f, x, weight, Values(run, 9, Count), run.Output(Rows * Count), mean, deviation),
                LayerNorm.Forward(run.Device, Rows, Count, 1e-5f, x, weight, null, run.Output(Rows * Count), mean, deviation),
                LayerNorm.Backward(run.Device, Rows, Count, x, weight, mean, deviation, dy, null, run.Output(Rows * Count)),
                LayerNorm.Backward(run.Device, Rows, Count, x, weight, mean, deviation, dy, addend, run.Output(Rows * Count)),
                .. LayerNorm.ParameterGradient(
                    run.Device, ChunkedRows, Count, tall, means, scales, gradient, Values(run, 10, Count), Values(run, 11, Count),
                    run.Output(LayerNorm.ParameterGradientWorkspace(run.Device, ChunkedRows, Count))),
                RmsNorm.Forward(run.Device, Rows, Count, 1e-5f, x, weight, run.Output(Rows * Count), rms),
                RmsNorm.Backward(run.Device, Rows, Count, x, weight, rms, dy, null, run.Output(Rows * Count)),
                RmsNorm.Forward(run.Device, Rows, Count, 1e-5f, x, weight, run.Output(Rows * Count), rms, oneMore: true),
                RmsNorm.Backward(run.Device, Rows, Count, x, weight, rms, dy, null, run.Output(Rows * Count), oneMore: true),
                RmsNorm.Backward(run.Device, Rows, Count, x, weight, rms, dy, addend, run.Output(Rows * Count)),
                .. RmsNorm.ParameterGradient(
                    run.Device, ChunkedRows, Count, tall, scales, gradient, Values(run, 12, Count),
                    run.Output(RmsNorm.ParameterGradientWorkspace(run.Device, ChunkedRows, Count))),
            ];
        },
        ["losses"] = run =>
        {
            const int Rows = 3;
            BufferView<float> logits = Values(run, 1, Rows * Count, 10), scalars = run.Scalars((StepScalars.LossScale, 0.25f)),
                rowLoss = run.Output(Rows);
            BufferView<int> labels = run.Put(7, Losses.IgnoredLabel, Count - 1);
            float[] targets = Numbers.Values(3, Count);
            targets[5] = float.NaN;
            int[] places = [.. Enumerable.Range(0, Count).Select(i => i % 7 == 3 ? Losses.IgnoredLabel : i)];
            return
            [
                .. Losses.CrossEntropyChunk(
                    run.Device, Rows, 0, 1, Count, logits.Slice(0, Count), labels, scalars, rowLoss, run.Output(1), null),
                .. Losses.CrossEntropyChunk(
                    run.Device, Rows, 1, 2, Count, logits.Slice(Count, 2 * Count), labels, scalars, rowLoss, run.Output(1),
                    run.Output(2 * Count)),
                .. Losses.CrossEntropy(
                    run.Device, Rows, Count, logits, labels, scalars, run.Output(Rows), run.Output(1), run.Output(Rows * Count),
                    new CrossEntropyOptions(0.1f, run.Put([.. Numbers.Values(8, Count).Select(value => 1 + Math.Abs(value))]))),
                .. Losses.MeanSquaredError(
                    run.Device, Count, Values(run, 2, Count), run.Put(targets), scalars, run.Output(Count), run.Output(1),
                    run.Output(Count)),
                .. EmbeddingLosses.Ranking(
                    run.Device, 3, 3, 33, 20f, logits, scalars, run.Output(3), run.Output(1), run.Output(18), run.Output(9),
                    run.Output(9 * 33)),
                .. EmbeddingLosses.Cosine(
                    run.Device, 3, 33, logits, run.Put(0.5f, float.NaN, -0.5f), scalars, run.Output(3), run.Output(1), run.Output(6 * 33)),
                .. SpanLosses.CrossEntropy(
                    run.Device, 3, Count / 2, logits, run.Put(0, 69, 3, 3, -100, 7), run.Put(0, 70, 80, (Count / 2) - 3), scalars,
                    run.Output(3), run.Output(1), run.Output(Count)),
                .. Losses.BinaryCrossEntropy(
                    run.Device, Rows, Count, logits, run.Put([.. Enumerable.Range(0, Rows * Count).Select(i => (float)(i % 3 % 2))]),
                    scalars, run.Output(Rows), run.Output(1), run.Output(Rows * Count)),
                SampleLosses.Means(
                    run.Device, Rows, Count, Values(run, 4, Count), run.Put(places), run.Put(0, 270, 270, Count), run.Output(Rows)),
            ];
        },
        ["low-rank updates"] = run =>
        {
            var table = new LowRankTable([new(0, 400, 0, 33, 40, 9, 2f), new(360, 700, 300, 5, 6, 2, 0.5f)]);
            BufferView<int> view = run.Put(table.Data);
            BufferView<float> values = Values(run, 1, table.RunCount, 0.2), gradients = Values(run, 2, table.RunCount, 0.01);
            return
            [
                .. LowRank.AscentDirection(
                    run.Device, table, StepScalars.OfMethods, view, values, gradients, run.Scalars((StepScalars.OfMethods, 0.3f)),
                    run.Output(LowRank.AscentDirectionWorkspace(run.Device, table)), run.Output(table.DirectionCount)),
                .. LowRank.ClipProducts(
                    run.Device, table, StepScalars.OfMethods, true, view, values, run.Scalars((StepScalars.OfMethods, 0.1f)), run.Put(1f),
                    run.Output(1),
                    run.Output(LowRank.ClipProductsWorkspace(run.Device, table))),
                .. ((bool[])[true, false]).SelectMany(spectral => FactorPenalty.Add(
                    run.Device, table, spectral, 0.1f, view, values, Values(run, 3, table.RunCount),
                    run.Output(FactorPenalty.Workspace(run.Device, table)), run.Output(FactorPenalty.NormCount(table)))),
            ];
        },
        ["column scaling"] = run =>
        {
            var table = new LowRankTable([new(0, 400, 0, 33, 40, 9, 2f), new(360, 700, 300, 5, 6, 2, 0.5f)]);
            BufferView<int> view = run.Put(table.Data);
            BufferView<float> values = Values(run, 1, table.RunCount, 0.2), gradients = Values(run, 2, table.RunCount, 0.01);
            BufferView<float> scales = run.Output(ColumnScales.Count(table));
            return
            [
                .. ColumnScaling.Solve(
                    run.Device, table, StepScalars.OfMethods, true, view, values, gradients, run.Scalars((StepScalars.OfMethods, 0.3f)),
                    run.Put(1f),
                    run.Output(ColumnScaling.SolveWorkspace(run.Device, table)), scales),
                ColumnScaling.Merge(
                    run.Device, table, 0, view, values, ColumnScaling.MergeCoefficients(table, 0, scales), Values(run, 3, 33 * 40)),
                ColumnScaling.Apply(
                    run.Device, table, view, scales, values, gradients, Values(run, 4, table.RunCount), Values(run, 5, table.RunCount)),
            ];
        },
        ["optimizer"] = run =>
        [
            AdamW.Step(
                run.Device, Count, 0.9, 0.999, 1e-8, 0.01, 16, Values(run, 1, Count), Values(run, 2, Count), Values(run, 3, Count),
                run.Put(Numbers.Values(4, Count, 0.5, 0.6)),
                run.Scalars((StepScalars.LearningRate, 0.1f), (StepScalars.BiasCorrection1, 0.19f), (StepScalars.BiasCorrection2, 0.002f)),
                run.Put(0.7f)),
        ],
        ["gradient descent"] = run =>
        {
            BufferView<float> mask = run.Put([.. Enumerable.Range(0, Count).Select(i => i % 3 == 0 ? 0f : 1f)]);
            return
            [
                Sgd.Step(
                    run.Device, Count, 0.01, 2, Values(run, 1, Count), Values(run, 2, Count), run.Scalars((StepScalars.LearningRate, 0.1f)),
                    run.Put(0.7f)),
                MedianClip.Factors(
                    run.Device, Count, 0.4f, 0.2f, run.Put(Numbers.Values(3, Count, 1, 1)), mask,
                    run.Scalars((StepScalars.SampleWeight, 0.3f)), run.Output(Count), run.Output(1)),
                .. ((MatrixFilter[])[LowPass.Binomial(4, 75, true), LowPass.Laplacian(4, 75, false, 1)]).Select(filter =>
                {
                    var table = new FilterTable([new(3, Count), new(310, 7)], [filter, MatrixFilter.None(7)]);
                    return GradientFilter.Apply(
                        run.Device, table, run.Put(table.Segments.Encode()), run.Put(table.Data), run.Put(table.Kernels), run.Put(1f, 0f),
                        Values(run, 4, 317), Values(run, 5, 317));
                }),
            ];
        },
        ["noise"] = run =>
        [
            Noise.Normals(run.Device, Quads, Stream, Random(run), run.Output(Quads)),
            Noise.Signs(run.Device, Quads, Stream, Random(run), run.Output(Quads)),
            .. StoredWeights.Types.Select(type => Noise.Perturb(
                run.Device, 11, 109, Stream, run.PutStored(type, StoredWeights.Values(type, 1, Quads)), Values(run, 2, 11), Random(run),
                run.Output(Quads))),
            Noise.FlatDeviation(
                run.Device, StepScalars.OfMethods, 3, 30, 40, 0.05f, 2f, Values(run, 1, 3 * 40), Values(run, 2, 3 * 40),
                Values(run, 3, 40 * 40),
                run.Scalars((StepScalars.OfMethods, 0.3f)),
                run.Put(Numbers.Values(4, 3, 1, 1000))),
            Dropouts.Apply(run.Device, Quads, 0.3f, Stream, Values(run, 1, Quads), null, Random(run), run.Output(Quads)),
            Dropouts.Apply(run.Device, Quads, 0.3f, Stream, Values(run, 1, Quads), Values(run, 2, Quads), Random(run), run.Output(Quads)),
        ],
        ["reductions"] = run =>
        {
            const int Rows = 3;
            const int Long = (LaunchShapes.TermsPerItem * LaunchShapes.SingleGroup) + Count;
            BufferView<float> workspace = run.Output(Reductions.ColumnSumsWorkspace(run.Device, ChunkedRows, Count)),
                tall = Values(run, 1, ChunkedRows * Count);
            return
            [
                .. Reductions.SquaredNorm(
                    run.Device, Long, Values(run, 1, Long), run.Output(Reductions.SquaredNormWorkspace(run.Device, Long)), run.Output(1)),
                .. ((float[])[5f, 0.5f, float.PositiveInfinity]).Select(
                    square => Reductions.ClipFactor(run.Device, 1f, run.Put(square), run.Output(1), run.Put(0f))),
                .. StoredWeights.Types.Select(type => Reductions.RowSquaredNorms(
                    run.Device, Rows, Count, run.PutStored(type, StoredWeights.Values(type, 1, Rows * Count)), run.Output(Rows))),
                .. Reductions.ColumnSums(run.Device, ChunkedRows, Count, tall, workspace, Values(run, 2, Count)),
                .. Reductions.ColumnDots(
                    run.Device, ChunkedRows, Count, tall, Values(run, 3, ChunkedRows * Count), workspace, Values(run, 4, Count)),
            ];
        },
        ["gating"] = run =>
        {
            BufferView<float> p = run.Put(Numbers.Values(1, 3 * Count, 0.4f, 0.5f)), w = Values(run, 2, 3 * Count);
            return
            [
                Softmax.Forward(run.Device, Count, 3, 0.7f, 3f, Values(run, 3, 3 * Count), run.Output(3 * Count)),
                .. ((bool[])[false, true]).Select(adds =>
                    Softmax.Backward(run.Device, Count, 3, 0.7f, 3f, adds, p, Values(run, 4, 3 * Count), Values(run, 5, 3 * Count))),
                Routing.Forward(run.Device, Count, 3, 2, p, run.Output(3 * Count)),
                Routing.Backward(run.Device, Count, 3, p, w, Values(run, 6, 3 * Count), run.Output(3 * Count)),
                .. ((bool[])[false, true]).SelectMany(adds => Routing.Balance(
                    run.Device, Count, 3, 2, 0.3f, p, w, run.Put(0, 7, Count - 2), adds ? run.Put(0.5f) : null, run.Output(3),
                    run.Output(3), run.Output(1))),
                Routing.BalanceGradient(
                    run.Device, Count, 3, 2, 0.3f, Values(run, 7, 3), run.Put(0, 7, Count - 2), run.Scalars((StepScalars.LossScale, 0.5f)),
                    run.Output(3 * Count)),
                .. ((bool[])[false, true]).SelectMany(shared => (Launch[])
                [
                    Heads.Weigh(run.Device, 50, 2, 3, shared, Values(run, 8, Count), Values(run, 9, 100), run.Output(Count)),
                    Heads.Dots(run.Device, 150, 2, 3, shared, Values(run, 8, 3 * Count), Values(run, 9, 3 * Count), run.Output(Count)),
                ]),
                Heads.Gather(run.Device, 100, 2, 3, Values(run, 8, 2 * Count), Values(run, 9, 200), run.Output(Count)),
            ];
        },
        ["rows"] = run =>
        [
            .. StoredWeights.Types.SelectMany(type => ((bool[])[false, true]).Select(accumulate => Embeddings.Forward(
                run.Device, 4, Count, run.PutStored(type, Hard(1, 3 * Count)), run.Put(2, 0, 1, 2), Values(run, 2, 4 * Count),
                accumulate))),
            Embeddings.Gradient(run.Device, 5, Count, 4, 3, run.Put(2, 3, 0, 2, 0), Values(run, 1, 5 * Count), Values(run, 2, 4 * Count)),
            RowSelection.Gather(run.Device, 3, Count, Values(run, 1, 4 * Count), run.Put(3, -1, 0), run.Output(3 * Count)),
            .. StoredWeights.Types.Select(type => RowSelection.Write(
                run.Device, 3, 4, Count, run.Put(Hard(1, 3 * Count)), run.Put(3, -1, 0),
                run.PutStored(type, StoredWeights.Values(type, 2, 4 * Count)))),
            MeanPooling.Forward(run.Device, 3, Count, Values(run, 1, 7 * Count), run.Put(0, 1, 4, 6), run.Output(3 * Count)),
            .. MeanPooling.Backward(run.Device, 3, 7, Count, Values(run, 1, 3 * Count), run.Put(0, 1, 4, 6), run.Output(7 * Count)),
            MeanPooling.Forward(run.Device, 3, Count, Values(run, 1, 7 * Count), run.Put(0, 1, 4, 6), run.Output(3 * Count), mean: false),
            .. MeanPooling.Backward(
                run.Device, 3, 7, Count, Values(run, 1, 3 * Count), run.Put(0, 1, 4, 6), run.Output(7 * Count), mean: false),
            RowSelection.GatherColumns(
                run.Device, 3, Count + 2, Count, Values(run, 1, 3 * (Count + 2)), run.Put([.. Enumerable.Range(0, Count).Reverse()]),
                run.Output(3 * Count)),
            Rotary.Angles(
                run.Device, 10, 30, run.Put([0, 1, 2, 77, 4096, 32767, 131071, 1_000_000, 3, int.MaxValue]),
                run.Put([.. Enumerable.Range(0, 30).Select(j => Rotary.Frequency(Math.Pow(1e6, -j / 30.0)))]), run.Output(2 * 10 * 30)),
            .. ((bool[])[false, true]).Select(
                backwards => Rotary.Apply(
                    run.Device, 5, 4, 20, Values(run, 1, 5 * 4 * 40), Values(run, 2, 5 * 40), backwards, run.Output(5 * 4 * 40))),
            Dora.Scale(
                run.Device, Count, 3, 2f, run.Put(Numbers.Values(1, Count, 1, 20)), Values(run, 2, 3 * Count), Values(run, 3, 3 * Count),
                Values(run, 4, 9), Values(run, 5, Count),
                run.Output(Count), run.Output(Count)),
        ],
        ["segments"] = run =>
        {
            BufferView<int> words = run.Put(Segments.Encode());
            BufferView<float> w = Values(run, 1, Segments.RunCount), g = Values(run, 2, Segments.RunCount),
                packed = Values(run, 3, Segments.PackedCount), factors = run.Put(0.5f, -0.25f, 2f);
            BufferView<float> workspace = run.Output(SegmentWork.Workspace(Segments));
            return
            [
                .. SegmentWork.Dots(run.Device, Segments, words, w, false, packed, true, workspace, run.Output(Segments.SegmentCount)),
                .. SegmentWork.AdaptiveNorms(run.Device, Segments, words, 0.1f, w, g, workspace, run.Output(Segments.SegmentCount)),
                .. Enum.GetValues<SegmentMap>().Select(map => SegmentWork.Map(
                    run.Device, Segments, words, map, 0.1f, factors, Values(run, 4, Segments.RunCount),
                    Values(run, 5, Segments.PackedCount), g)),
            ];
        },
        ["step factors"] = run =>
        {
            BufferView<float> squares = run.Put(Numbers.Values(1, 2 * Count, 1, 1)),
                mask = run.Put([.. Enumerable.Range(0, Count).Select(i => i % 3 == 0 ? 0f : 1f)]);
            BufferView<float> scalars = run.Scalars((StepScalars.OfMethods, 0.7f), (StepScalars.LearningRate, 0.3f));
            return
            [
                StepFactors.Sam(run.Device, Count, 0.05f, squares, null, null, run.Output(Count)),
                StepFactors.Sam(run.Device, Count, 0.05f, squares, mask, run.Put(0.3f), run.Output(Count)),
                .. ((bool[])[false, true]).Select(flag => StepFactors.Radius(
                    run.Device, StepScalars.OfMethods, Count, new RadiusRule(0.1f, 2f, IsShare: flag, OfSquares: !flag), squares,
                    flag ? mask : null,
                    run.Scalars((StepScalars.OfMethods, 0.2f)), run.Put(0.7f), run.Output(1))),
                StepFactors.Projection(run.Device, Count, Values(run, 2, Count), squares, run.Output(Count)),
                StepFactors.NormRatio(run.Device, Count, 0.1f, squares, run.Put(Numbers.Values(3, Count, 1, 1)), run.Output(Count)),
                .. ((bool[])[false, true]).Select(
                    growsLarger => StepFactors.Balance(
                        run.Device, StepScalars.OfMethods, Count, growsLarger, squares, scalars, run.Put(1f), run.Output(2 * Count))),
            ];
        },
    };

    private static BufferView<float> Values(KernelRun run, int seed, long count, double scale = 1) =>
        run.Put(Numbers.Values(seed, count, scale));

    /// <summary>Inputs of activations.</summary>
    private static BufferView<float> Wide(KernelRun run) => run.Put([.. Numbers.Values(1, Count - Far.Length, 9), .. Far]);

    private static float[] Hard(int seed, int count) => [.. HardToStore, .. Numbers.Values(seed, count - HardToStore.Length)];

    private static BufferView<uint> Random(KernelRun run) => run.RandomState(0x0123456789ABCDEF, 9);

    /// <summary>A product with everything that may follow it.</summary>
    private static Launch Product(KernelRun run, MatMulShape shape, ElementType type)
    {
        (int rowsA, int rowsB) = (shape.Layout == MatMulLayout.TN ? shape.K : shape.M, shape.Layout == MatMulLayout.NT ? shape.N : shape.K);
        int elements = shape.Batch * shape.M * shape.RowStrideC;
        return MatMul.Bind(
            run.Device, shape, Values(run, 1, shape.Batch * rowsA * shape.RowStrideA),
            run.PutStored(type, StoredWeights.Values(type, 2, shape.Batch * rowsB * shape.RowStrideB)),
            Values(run, 3, elements), Values(run, 4, shape.N), Values(run, 5, elements), run.Output(elements));
    }
}
