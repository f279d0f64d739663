using Engine.Common;
using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Forms;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>SD-LoRA's boundaries, directions and scalars on a toy classifier.</summary>
public sealed class SdLoraTests
{
    private const int Rank = 2;
    private const float Scale = 2;

    private static readonly int[] Every = [0, 1, 2, 3];

    /// <summary>Unclipped: the scalar is a part of the norm.</summary>
    private static readonly AdamWOptions Optimizer = new() { MaxGradNorm = 0 };

    public static TheoryData<string> Devices => TestDevices.Names;

    /// <summary>The product with a scalar of 1 changes no bit; the branch's products are summed in another order.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void One_task_at_a_scalar_of_one_steps_as_lora(string device)
    {
        using var run = Start(device, new SdLora(), tasks: 1);
        using var plain = new ToyRun(device, new LinearModel(), LinearModel.Adapter, new PlainMethod(), Optimizer);
        plain.Values = run.Values[..plain.Values.Length];
        double expected = plain.Step(0.05).Loss;
        Assert.Equal(expected, run.Step(0.05).Loss, 1e-6 * expected);
        Assert.All(plain.Values.Zip(run.Values), pair => Assert.Equal(pair.First, pair.Second, 1e-5 * (1 + Math.Abs(pair.First))));
        Assert.NotEqual(1f, Scalars(run)[0]);
        run.RequireTrained();
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_stored_direction_has_norm_one_and_keeps_its_bits_while_its_scalar_trains(string device)
    {
        using var run = Start(device, new SdLora(), tasks: 3);
        LoraLinear layer = run.Model.Adapters[0];
        Steps(run, 3, label: 0);
        float[] a = layer.A.View<float>().ToArray();
        float scalar = Scalars(run)[0];
        BeginTask(run, 1);
        Direction stored = Direction.Read(layer, 0);
        Assert.Equal(a, stored.A);

        // B's elements are rounded to float32.
        Assert.Equal(1, Product(stored).Sum(value => value * value), 1e-6);
        Assert.Equal([scalar, 1, 1], Scalars(run));
        Assert.All(layer.B.View<float>().ToArray(), value => Assert.Equal(0f, value));
        double bound = 1 / Math.Sqrt(layer.A.Shape.Columns);
        Assert.All(layer.A.View<float>().ToArray(), value => Assert.InRange(value, -bound, bound));
        Assert.All(run.Session.Moments.First.View<float>().ToArray(), value => Assert.Equal(0f, value));
        Steps(run, 3, label: 2);
        Assert.Equal(stored.A, Direction.Read(layer, 0).A);
        Assert.Equal(stored.B, Direction.Read(layer, 0).B);
        float[] scalars = Scalars(run);
        Assert.NotEqual(scalar, scalars[0]);
        Assert.NotEqual(1f, scalars[1]);

        // Nothing reaches the scalar of a task that is still to come.
        Assert.Equal(1f, scalars[2]);
        run.RequireTrained();
    }

    [Fact]
    public void The_codes_direction_is_divided_by_its_factors_norms_and_all_scalars_start_anew()
    {
        using var run = Start("cpu", new SdLora { Directions = StoredDirection.Code }, tasks: 2);
        LoraLinear layer = run.Model.Adapters[0];
        Assert.Equal([0.8f, 0.8f], Scalars(run));
        Steps(run, 3, label: 0);
        float[] a = layer.A.View<float>().ToArray(), b = layer.B.View<float>().ToArray();
        double norm = Math.Sqrt(a.Sum(value => (double)value * value) * b.Sum(value => (double)value * value));
        Assert.NotEqual(0.8f, Scalars(run)[0]);
        BeginTask(run, 1);
        Assert.Equal([0.8f, 0.8f], Scalars(run));
        Assert.Equal(b.Select(value => (float)(value / norm)), Direction.Read(layer, 0).B);
    }

    [Fact]
    public void Inner_products_of_directions_are_those_of_their_products()
    {
        var one = new Direction(Numbers.Values(1, 3 * 7), Numbers.Values(2, 5 * 3), 3);
        var other = new Direction(Numbers.Values(3, 2 * 7), Numbers.Values(4, 5 * 2), 2);
        double expected = Product(one).Zip(Product(other), (x, y) => x * y).Sum();

        // Both are float64.
        Assert.Equal(expected, one.Dot(other), 1e-12 * Math.Sqrt(one.Dot(one) * other.Dot(other)));
    }

    /// <summary>A multiple of the first direction is not kept, and its scalar takes it over without a change of the function.</summary>
    [Theory]
    [InlineData(3.0, true)]
    [InlineData(-0.5, true)]
    [InlineData(null, false)]
    public void What_the_stored_directions_make_up_is_taken_over_by_their_scalars(double? multiple, bool taken)
    {
        using var run = Start("cpu", new SdLora { Directions = StoredDirection.Absorb, DropBelow = 1e-6 }, tasks: 3);
        LoraLinear layer = run.Model.Adapters[0];
        Steps(run, 2, label: 0);
        BeginTask(run, 1);
        Steps(run, 2, label: 2);
        if (multiple is { } factor)
        {
            Direction first = Direction.Read(layer, 0);
            layer.A.View<float>().Write(first.A);
            layer.B.View<float>().Write([.. first.B.Select(value => (float)(factor * value / Scale))]);
        }

        double before = run.Step(0, Batch(0)).Loss;
        float[] scalars = Scalars(run);
        BeginTask(run, 2);
        Assert.Equal(before, run.Step(0, Batch(0)).Loss, 1e-5 * before);
        float[] after = Scalars(run);
        Assert.Equal(taken ? scalars[0] + ((multiple ?? 0) * scalars[1]) : scalars[0], after[0], 1e-5);
        Assert.Equal(taken ? 1 : scalars[1], after[1]);
        Assert.Equal(taken, Direction.Read(layer, 1).B.All(value => value == 0));
        Assert.Equal(taken ? 2 : 3, layer.Form!.PlainPairs(run.Model.Adapters));
    }

    [Fact]
    public void A_task_of_a_lower_rank_leaves_the_other_ranks_zero_to_the_bit()
    {
        using var run = Start("cpu", new SdLora { Ranks = [2, 1] }, tasks: 3);
        LoraLinear layer = run.Model.Adapters[0];
        Steps(run, 2, label: 0);
        Assert.All(layer.A.View<float>().ToArray(), value => Assert.NotEqual(0f, value));
        for (int task = 1; task < 3; task++)
        {
            BeginTask(run, task);
            Steps(run, 3, label: 2);
            float[] a = layer.A.View<float>().ToArray(), b = layer.B.View<float>().ToArray();
            Assert.All(a[LinearModel.Inputs..], value => Assert.Equal(0f, value));
            Assert.All(b.Where((_, i) => i % Rank == 1), value => Assert.Equal(0f, value));
            Assert.All(b.Where((_, i) => i % Rank == 0), value => Assert.NotEqual(0f, value));
        }
    }

    /// <summary>The loss is that of two classes, and rows of others keep their bits.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Losses_of_a_task_tell_its_own_classes_apart_alone(string device)
    {
        var tuning = new Tuning.Lora([], [$"{LinearModel.Layer}.weight"]);
        using var run = new ToyRun(
            device, new LinearModel(), tuning, new PlainMethod(), new AdamWOptions(), loss: new LossOptions { ByTask = true });
        float[] start = run.Values;
        run.Session.BeginTask(0, [1, 3], 5, 0);
        double loss = run.Step(0.05, ToyRun.Batch() with { ClassLabels = [.. ToyRun.Tokens.Select(_ => 3)] }).Loss;
        float[] table = run.Model.Parameter("table.weight").View<float>().ToArray();
        double expected = ToyRun.Tokens.Average(token =>
        {
            double one = Logit(1), three = Logit(3);
            return Math.Log(1 + Math.Exp(one - three));

            double Logit(int row) => Enumerable.Range(0, LinearModel.Inputs)
                .Sum(j => (double)table[(token * LinearModel.Inputs) + j] * start[(row * LinearModel.Inputs) + j]);
        });
        Assert.Equal(expected, loss, 1e-5 * expected);
        foreach (int row in Every)
        {
            Range own = (row * LinearModel.Inputs)..((row + 1) * LinearModel.Inputs);
            Assert.Equal(row is 0 or 2, start[own].SequenceEqual(run.Values[own]));
        }
    }

    [Fact]
    public void Methods_that_keep_numbers_are_for_tasks_only_where_these_are_made_for_them()
    {
        Assert.True(TakesTasks(new Together(new SdLora(), new LoraSam()), form: true));
        Assert.True(TakesTasks(new LoraSam(), form: false));
        Assert.False(TakesTasks(new LookSam(), form: false));
        Assert.False(TakesTasks(new Together(new SdLora(), new LookSam()), form: true));
        Assert.False(TakesTasks(new XgbLora { Kappa = 5 }, form: false));

        static bool TakesTasks(Method method, bool form)
        {
            Tuning tuning = ((Tuning.Lora)TuningOf(form ? 2 : 0)) with { WritesBaseWeights = method.BaseWeights != BaseWeightUse.Frozen };
            using var run = new ToyRun("cpu", new LinearModel(), tuning, method.CreatePlugIn(), loss: new LossOptions { ByTask = true });
            if (!run.Session.TakesTasks)
            {
                Assert.Throws<InvalidOperationException>(() => run.Session.BeginTask(0, Every, 5, 0));
            }

            return run.Session.TakesTasks;
        }
    }

    [Fact]
    public void Settings_that_do_not_fit_are_refused()
    {
        Assert.Contains("ranks of at least 1", Refused(new SdLora { Ranks = [2, 0] }), StringComparison.Ordinal);
        Assert.Contains("raise r", Refused(new SdLora { Ranks = [3] }), StringComparison.Ordinal);
        Assert.Contains("the run has 2 tasks", Refused(new SdLora { Ranks = [2, 1, 1] }), StringComparison.Ordinal);
        Assert.Contains(
            "directions: code", Refused(new SdLora { Directions = StoredDirection.Code, DropBelow = 1e-3 }), StringComparison.Ordinal);
        Assert.NotEqual(new SdLora { Ranks = [2, 1] }, new SdLora { Ranks = [2] });
        Assert.Equal(new SdLora { Ranks = [2, 1] }, new SdLora { Ranks = [2, 1] });

        static string Refused(SdLora method) =>
            Assert.Throws<ConfigurationException>(() => Start("cpu", method, tasks: 2).Dispose()).Message;
    }

    private static Tuning TuningOf(int tasks) => new Tuning.Lora(
        [new LoraTarget(LinearModel.Layer, Rank, Scale, 0f) { Form = tasks == 0 ? null : new SdLoraForm(tasks) }], []);

    private static ToyRun Start(string device, SdLora method, int tasks)
    {
        var run = new ToyRun(
            device, new LinearModel(), TuningOf(tasks), method.CreatePlugIn(), Optimizer, loss: new LossOptions { ByTask = true });
        BeginTask(run, 0);
        return run;
    }

    private static void BeginTask(ToyRun run, int task) => run.Session.BeginTask(task, Every, 10, task * 10);

    private static void Steps(ToyRun run, int count, int label)
    {
        for (int step = 0; step < count; step++)
        {
            run.Step(0.05, Batch(label));
        }
    }

    private static RaggedBatch Batch(int label) =>
        ToyRun.Batch() with { ClassLabels = [.. ToyRun.Tokens.Select(token => (label + (token % 2)) % 4)] };

    private static float[] Scalars(ToyRun run) => run.Model.Adapters[0].Tensor(SdLoraForm.Scalars).View<float>().ToArray();

    /// <summary>B A, multiplied out.</summary>
    private static double[] Product(Direction direction)
    {
        int rank = direction.Rank, inputs = direction.A.Length / rank, outputs = direction.B.Length / rank;
        return
        [
            .. from i in Enumerable.Range(0, outputs)
               from j in Enumerable.Range(0, inputs)
               select Enumerable.Range(0, rank).Sum(k => (double)direction.B[(i * rank) + k] * direction.A[(k * inputs) + j]),
        ];
    }
}
