using Engine.Common;
using Engine.Common.Files;
using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Forms;
using Engine.Optim.Methods;
using Engine.Safetensors;

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
    [InlineData(0.0, true)]
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

    /// <summary>Over two layers, against least squares over the elements of the multiplied-out directions.</summary>
    [Fact]
    public void A_fit_is_over_all_layers_and_directions_together()
    {
        (int Inputs, int Outputs)[] layers = [(7, 5), (4, 6)];
        Direction[][] of = [.. Enumerable.Range(0, 3).Select(kind => layers.Select((layer, i) =>
        {
            int seed = (10 * kind) + (2 * i) + 1;
            return new Direction(Numbers.Values(seed, 3 * layer.Inputs), Numbers.Values(seed + 1, layer.Outputs * 3), 3);
        }).ToArray())];
        var fit = new DirectionFit(2);
        for (int layer = 0; layer < layers.Length; layer++)
        {
            fit.Add([of[0][layer], of[1][layer]], of[2][layer]);
        }

        double[][] whole = [.. of.Select(direction => direction.SelectMany(Product).ToArray())];
        double aa = Dot(0, 0), ab = Dot(0, 1), bb = Dot(1, 1), at = Dot(0, 2), bt = Dot(1, 2), determinant = (aa * bb) - (ab * ab);
        double first = ((bb * at) - (ab * bt)) / determinant, second = ((aa * bt) - (ab * at)) / determinant;
        double left = whole[2].Select((value, i) => Math.Pow(value - (first * whole[0][i]) - (second * whole[1][i]), 2)).Sum();

        // Both are float64.
        (double[] shares, double residual) = fit.Solve()!.Value;
        Assert.Equal(first, shares[0], 1e-11);
        Assert.Equal(second, shares[1], 1e-11);
        Assert.Equal(left / Dot(2, 2), residual, 1e-11);
        Assert.InRange(residual, 0.01, 0.999);

        double Dot(int one, int other) => whole[one].Zip(whole[other], (x, y) => x * y).Sum();
    }

    /// <summary>The session is made for 20 steps, and the task has 10.</summary>
    [Fact]
    public void A_perturbation_starts_by_the_steps_of_the_task()
    {
        using var run = Start("cpu", new Together(new SdLora(), new LoraSam { Start = 0.5 }), tasks: 2);
        bool[] perturbed = [.. Enumerable.Range(0, 10).Select(_ => double.IsFinite(run.Step(0.05, Batch(0)).LossRise))];
        Assert.Equal(Enumerable.Range(0, 10).Select(step => step >= 5), perturbed);
    }

    /// <summary>A power of two divides B exactly.</summary>
    [Fact]
    public void A_trained_adapter_starts_as_it_is_whatever_the_scalar()
    {
        using var run = Start("cpu", new SdLora { Scalar = 0.5 }, tasks: 1);
        using var plain = new ToyRun("cpu", new LinearModel(), LinearModel.Adapter, new PlainMethod(), Optimizer);
        using var one = Start("cpu", new SdLora(), tasks: 1);
        plain.Values = one.Values[..plain.Values.Length];
        double expected = plain.Step().Loss;
        Assert.Equal(expected, run.Step().Loss, 1e-6 * expected);
    }

    [Fact]
    public void A_file_of_starts_is_held_against_the_tasks_before_the_first_step()
    {
        const string Name = $"task.1.{LinearModel.Layer}.lora_A.weight";
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");
        try
        {
            float[] values = Numbers.Values(7, Rank * LinearModel.Inputs);
            Write((Name, [Rank, LinearModel.Inputs]));
            using (var run = Start("cpu", new SdLora { Init = path }, tasks: 2))
            {
                BeginTask(run, 1);
                Assert.Equal(values, run.Model.Adapters[0].A.View<float>().ToArray());
            }

            Refused<ConfigurationException>("leave it out", tasks: 1);
            Refused<ConfigurationException>("'task.2.", tasks: 3);
            Write((Name, [LinearModel.Inputs, Rank]));
            Refused<ModelFileException>("its shape is");
            Write((Name, [Rank, LinearModel.Inputs]), ("task.2.other", [Rank, LinearModel.Inputs]));
            Refused<ConfigurationException>("'task.2.other' is no start");
            values[3] = float.NaN;
            Write((Name, [Rank, LinearModel.Inputs]));
            Refused<ConfigurationException>("row 0, column 3");

            void Write(params (string Name, long[] Shape)[] tensors)
            {
                var writer = new SafetensorsWriter();
                foreach ((string name, long[] shape) in tensors)
                {
                    writer.Add(name, shape, values);
                }

                writer.Write(path);
            }
        }
        finally
        {
            File.Delete(path);
        }

        void Refused<T>(string reason, int tasks = 2)
            where T : Exception
        {
            string message = Assert.Throws<T>(() => Start("cpu", new SdLora { Init = path }, tasks).Dispose()).Message;
            Assert.Contains(reason, message, StringComparison.Ordinal);
        }
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
        Assert.Contains("ranks is an empty list", Refused(new SdLora { Ranks = [] }), StringComparison.Ordinal);

        // The toy's adapter is trained in both of its ranks.
        Assert.Contains("(adapter.init)", Refused(new SdLora { Ranks = [1] }), StringComparison.Ordinal);
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

    private static ToyRun Start(string device, Method method, int tasks)
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
