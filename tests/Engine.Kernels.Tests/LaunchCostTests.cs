using Engine.Devices;

namespace Engine.Kernels.Tests;

/// <summary>What launches say that they move and compute, counted by hand. Nothing runs: any device that has kernels would do.</summary>
public sealed class LaunchCostTests
{
    private const int Rows = 5;
    private const int Columns = 33;

    [Fact]
    public void A_kernel_that_goes_through_its_views_one_way_moves_each_of_them_once()
    {
        using var run = new KernelRun(TestDevices.Open("cpu-managed"));
        BufferView<float> x = run.Output(Rows * Columns), dy = run.Output(Rows * Columns), weight = run.Output(Columns),
            bias = run.Output(Columns), y = run.Output(Rows * Columns), mean = run.Output(Rows), inverse = run.Output(Rows);
        using Launch forward = LayerNorm.Forward(run.Device, Rows, Columns, 1e-5f, x, weight, bias, y, mean, inverse);
        Assert.Equal(new WorkCost(4 * ((2 * Rows * Columns) + (2 * Columns) + (2 * Rows)), 0), forward.Cost);

        // In place dy is read, and written as dx.
        using Launch backward = LayerNorm.Backward(run.Device, Rows, Columns, x, weight, mean, inverse, dy, null, dy);
        Assert.Equal(new WorkCost(4 * ((3 * Rows * Columns) + Columns + (2 * Rows)), 0), backward.Cost);
    }

    /// <summary>y += is a read of y as well: AdamW goes four times there and three times back.</summary>
    [Fact]
    public void What_is_read_and_written_counts_twice()
    {
        const int count = 1000;
        using var run = new KernelRun(TestDevices.Open("cpu-managed"));
        BufferView<float> w = run.Output(count), g = run.Output(count), m = run.Output(count), v = run.Output(count),
            scalars = run.Scalars(), clip = run.Output(1);
        using Launch step = AdamW.Step(run.Device, count, 0.9, 0.999, 1e-8, 0.01, 1, w, g, m, v, scalars, clip);
        Assert.Equal(new WorkCost(4 * ((7 * count) + StepScalars.Count + 1), 0), step.Cost);
        using Launch add = Elementwise.AddScaled(run.Device, count, 2f, w, g);
        Assert.Equal(new WorkCost(4 * 3 * count, 0), add.Cost);
    }

    /// <summary>The kernels read rows of a table; its length does not count.</summary>
    [Fact]
    public void Rows_that_are_looked_up_count_and_the_table_does_not()
    {
        const int tokens = 7;
        using var run = new KernelRun(TestDevices.Open("cpu-managed"));
        BufferView<float> table = run.Output(1000 * Columns), y = run.Output(tokens * Columns);
        BufferView<Half> halves = run.Put(new Half[1000 * Columns]);
        BufferView<int> ids = run.Put(new int[tokens]);
        using Launch first = Embeddings.Forward(run.Device, tokens, Columns, halves, ids, y);
        Assert.Equal(new WorkCost(tokens * (4 + (Columns * (2 + 4))), 0), first.Cost);
        using Launch second = Embeddings.Forward(run.Device, tokens, Columns, table, ids, y, accumulate: true);
        Assert.Equal(new WorkCost(tokens * (4 + (Columns * (4 + 8))), 0), second.Cost);
        using Launch rows = RowSelection.Gather(run.Device, tokens, Columns, table, ids, y);
        Assert.Equal(new WorkCost(tokens * (4 + (Columns * 8)), 0), rows.Cost);
    }

    /// <summary>
    /// 20 x 24 by 24 x 40 and a thin one, of matrices whose rows lie further apart: the gaps do not count. Three products of one B read it
    /// once.
    /// </summary>
    [Theory]
    [InlineData(20, "MatMulGroups_Multiply")]
    [InlineData(9, "MatMulThinGroups_Multiply")]
    public void A_product_moves_its_matrices_and_multiplies_m_n_k_times(int m, string kernel)
    {
        const int n = 40, k = 24, wide = 100, batch = 3;
        using var run = new KernelRun(TestDevices.Open("cpu-managed"));
        BufferView<float> a = run.Output(batch * m * wide), c = run.Output(batch * m * wide), bias = run.Output(n),
            residual = run.Output(batch * m * wide);
        BufferView<Half> b = run.Put(new Half[n * wide]);
        MatMulShape one = new(m, n, k, MatMulLayout.NT) { StrideA = wide, StrideB = wide, StrideC = wide };
        using Launch plain = MatMul.Bind(run.Device, one, a, b, c);
        Assert.Equal(new WorkCost((4 * ((m * k) + (m * n))) + (2 * n * k), 2.0 * m * n * k), plain.Cost);
        Assert.Equal(kernel, plain.Name);
        Assert.Contains(nameof(ElementType.Float16), plain.Variant);
        Assert.Contains("activation 0", plain.Variant);
        using Launch added = MatMul.Bind(run.Device, one with { Beta = 1f }, a, b, c, bias, residual);
        Assert.Equal(new WorkCost((4 * ((m * k) + (3 * m * n) + n)) + (2 * n * k), 2.0 * m * n * k), added.Cost);
        MatMulShape many = one with { Batch = batch, BatchStrideA = m * wide, BatchStrideC = m * wide };
        using Launch batched = MatMul.Bind(run.Device, many, a, b, c);
        Assert.Equal(
            new WorkCost((4 * batch * ((m * k) + (m * n))) + (2 * n * k), 2.0 * batch * m * n * k), batched.Cost);
    }

    /// <summary>
    /// Two segments of 8 queries and keys: 16 queries of 2 heads meet 8 keys of 4 elements. Forward that is two products of pairs; backward
    /// scores and the weights' gradients are made for dq and once more for dk and dv.
    /// </summary>
    [Fact]
    public void Launches_of_attention_share_its_seven_products()
    {
        var problem = new AttentionCase([8, 8], [8, 8], heads: 2, keyValueHeads: 2, headSize: 4);
        using var run = new KernelRun(TestDevices.Open("cpu-managed"));
        AttentionShape shape = problem.Shape;
        double pairs = 2.0 * shape.QueryTokens * 2 * 4 * 8;
        int tokens = shape.QueryTokens, elements = tokens * 2 * 4, rows = tokens * 2;
        BufferView<float> q = run.Put(problem.Q), k = run.Put(problem.K), v = run.Put(problem.V), output = run.Output(elements),
            denominators = run.Output(rows), dy = run.Put(problem.OutputGradient), dq = run.Output(elements), dk = run.Output(elements),
            dv = run.Output(elements), dots = run.Output(Attention.BackwardWorkspace(run.Device, shape));
        BufferView<int> starts = run.Put(problem.QueryStart), positions = run.Put(problem.QueryPosition);
        using Launch forward = Attention.Forward(run.Device, shape, q, k, v, starts, starts, positions, output, denominators, null);
        int indices = (2 * 3) + tokens;
        Assert.Equal(new WorkCost(4 * ((4 * elements) + rows + indices), 2 * pairs), forward.Cost);
        Launch[] backward = Attention.Backward(
            run.Device, shape, q, k, v, starts, starts, positions, output, denominators, dy, dq, dk, dv, dots, null);
        Assert.Equal(
            [
                new WorkCost(4 * ((2 * elements) + rows), 0),
                new WorkCost(4 * ((5 * elements) + (2 * rows) + indices), 3 * pairs),
                new WorkCost(4 * ((6 * elements) + (2 * rows) + indices), 4 * pairs),
            ],
            backward.Select(launch => launch.Cost!.Value));
        Assert.Contains("headSize 4", backward[1].Variant);
        Array.ForEach(backward, launch => launch.Dispose());
    }

    /// <summary>Beside what the backward pass reads the bias, and its gradient twice where it is added to.</summary>
    [Fact]
    public void The_gradient_of_a_bias_makes_scores_once_more()
    {
        var problem = new AttentionCase([8, 8], [8, 8], heads: 2, keyValueHeads: 2, headSize: 4, biasStep: 1);
        using var run = new KernelRun(TestDevices.Open("cpu-managed"));
        AttentionShape shape = problem.Shape;
        int tokens = shape.QueryTokens, elements = tokens * 2 * 4, rows = tokens * 2, biases = problem.Bias.Length;
        BufferView<float> q = run.Put(problem.Q), output = run.Output(elements), denominators = run.Output(rows),
            dBias = run.Output(biases);
        BufferView<int> starts = run.Put(problem.QueryStart), positions = run.Put(problem.QueryPosition);
        Launch[] launches = Attention.BiasGradient(
            run.Device, shape, q, q, q, starts, starts, positions, output, denominators, q, dBias, true, run.Output(rows), null,
            new(run.Put(problem.Bias), run.Put(problem.BiasPosition)));
        Assert.Equal(
            [
                new WorkCost(4 * ((2 * elements) + rows), 0),
                new WorkCost(
                    4 * ((4 * elements) + (2 * rows) + (2 * 3) + (2 * tokens) + (3 * biases)), 2 * 2.0 * tokens * 2 * 4 * 8),
            ],
            launches.Select(launch => launch.Cost!.Value));
        Array.ForEach(launches, launch => launch.Dispose());
    }

    /// <summary>Vectorised host code does not say it; whoever asks takes the operator's.</summary>
    [Fact]
    public void Host_forms_have_no_cost_of_their_own()
    {
        using var run = new KernelRun(TestDevices.Open("cpu"));
        using Launch copy = Elementwise.Copy(run.Device, 5, run.Output(5), run.Output(5));
        Assert.Null(copy.Cost);
        Assert.Equal("", copy.Variant);
        Assert.Same(copy, Assert.Single(copy.Parts));
    }
}
