using Engine.Devices;
using Engine.Devices.Kernels;
using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Loading;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Forms;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Optim.Methods;
using Engine.Tests;

namespace Engine.Optim.Tests;

/// <summary>Training over frozen weights in 16 bits, and float16's dynamic loss scaling.</summary>
public sealed class WeightStorageTests
{
    private const int Steps = 6;

    public static TheoryData<string, ElementType> Types => TestDevices.QuickWith(ElementType.BFloat16, ElementType.Float16);

    [Theory]
    [MemberData(nameof(Types))]
    public void Flat_lora_on_weights_in_16_bits_leaves_them_untouched_and_follows_float32_on_the_rounded_weights(
        string device, ElementType type)
    {
        using var stored = new Session(device, type, type);
        ushort[][] before = stored.FrozenBits();
        double[] losses = stored.Train();
        Assert.Equal(before, stored.FrozenBits());
        Assert.All(losses, loss => Assert.True(loss > 0));
        using var wide = new Session(device, ElementType.Float32, type);
        // Products of the two read the same numbers in the same order, and a loss scale is a power of two.
        Assert.Equal(wide.Train(), losses);
        Assert.Equal(wide.Values(), stored.Values());
        Assert.Equal(type == ElementType.Float16, stored.Training.LossScaling is not null);
        Assert.Null(wide.Training.LossScaling);
    }

    public static TheoryData<string, string> Methods =>
        TestDevices.QuickWith<string>([.. MethodCatalog.Names.Except([Goat.MethodName, LaLora.MethodName])]);

    /// <summary>
    /// GOAT, which changes its frozen weights, refuses 16 bits, and LA-LoRA steps that the data leave out. Where there are two
    /// passes the first one overflows: the host knows of it only when the step's report is read, after the second.
    /// </summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void A_step_whose_gradients_overflow_changes_nothing_and_halves_the_scale(string device, string method)
    {
        // What overflows must take part: SL-SAM draws every tensor. XGBLoRA's boundaries lie before a step, whatever becomes of that.
        Method chosen = MethodCatalog.Create(method) switch
        {
            SlSam bandit => bandit with { SFrac = 1 },
            XgbLora boosting => boosting with { Kappa = 10 },
            var other => other,
        };
        using var session = new Session(device, ElementType.Float16, ElementType.Float16, chosen.CreatePlugIn(), chosen.Form);
        LossScaling scaling = session.Training.LossScaling!;
        StepReport first = session.Step();
        Assert.False(first.Skipped);
        Assert.Equal(new LossScaleState(65536, 1, 0), scaling.State);

        session.Enlarge(1e6f);
        scaling.State = scaling.State with { Scale = 8.507059173023462e37f };
        byte[] values = Bytes(session.Training.Trainables.ValueBlock), moments = Bytes(session.Training.Moments.First.Block),
            state = Bytes(session.Training.MethodState);
        double[][] hostState = [.. session.Training.HostState.Select(entry => (double[])entry.Values.Clone())];
        StepReport skipped = session.Step();
        Assert.True(skipped.Skipped);
        Assert.True(double.IsFinite(skipped.Loss));
        Assert.False(double.IsFinite(skipped.GradientNorm));
        Assert.Equal(values, Bytes(session.Training.Trainables.ValueBlock));
        Assert.Equal(moments, Bytes(session.Training.Moments.First.Block));
        Assert.Equal(state, Bytes(session.Training.MethodState));
        Assert.Equal(hostState, session.Training.HostState.Select(entry => entry.Values));
        Assert.Equal(new LossScaleState(4.253529586511731e37f, 0, 1), scaling.State);

        scaling.State = scaling.State with { Scale = 1024 };
        Assert.False(session.Step().Skipped);
        Assert.NotEqual(values, Bytes(session.Training.Trainables.ValueBlock));
        Assert.Equal(new LossScaleState(1024, 1, 1), scaling.State);
    }

    /// <summary>A first step that is skipped is no first step: the average starts with the perturbation of the next one, whole.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Efm_loras_average_starts_with_the_first_step_that_is_taken(string device)
    {
        Assert.Equal(Average(1), Average(0.25));

        float[] Average(double beta)
        {
            var method = new EfmLoraMethod(new() { Rho = 0.05, Beta = beta });
            using var session = new Session(device, ElementType.Float16, ElementType.Float16, method);
            session.Enlarge(1e6f);
            session.Training.LossScaling!.State = LossScaleState.Initial with { Scale = 8.507059173023462e37f };
            Assert.True(session.Step().Skipped);
            Variable average = session.Training.MethodState.Variables.Single(variable => variable.Name == "perturbation");
            Assert.All(average.View<float>().ToArray(), value => Assert.Equal(0f, value));
            session.Training.LossScaling.State = session.Training.LossScaling.State with { Scale = 1024 };
            Assert.False(session.Step().Skipped);
            float[] values = average.View<float>().ToArray();
            Assert.Contains(values, value => value != 0);
            return values;
        }
    }

    [Fact]
    public void The_scale_doubles_after_2000_good_steps_and_at_1_an_overflow_is_not_skipped()
    {
        using var session = new Session("cpu", ElementType.Float16, ElementType.Float16);
        LossScaling scaling = session.Training.LossScaling!;
        scaling.State = new LossScaleState(256, 1999, 0);
        session.Step();
        Assert.Equal(new LossScaleState(512, 0, 0), scaling.State);

        scaling.State = new LossScaleState(1, 0, 0);
        session.Enlarge(float.PositiveInfinity);
        StepReport broken = session.Step();
        Assert.False(broken.Skipped);
        Assert.False(double.IsFinite(broken.GradientNorm));
        Assert.Equal(1, scaling.State.Scale);
    }

    /// <summary>A loss scale is a power of two, so that no bit depends on it.</summary>
    [Fact]
    public void Micro_batches_of_unlike_size_weigh_alike_under_loss_scaling()
    {
        using var stored = new Session("cpu", ElementType.Float16, ElementType.Float16);
        using var wide = new Session("cpu", ElementType.Float32, ElementType.Float16);
        for (int step = 0; step < Steps; step++)
        {
            Assert.Equal(wide.StepInParts(), stored.StepInParts());
        }

        Assert.Equal(wide.Values(), stored.Values());
    }

    [Theory]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float16)]
    public void Forecast_is_the_counted_peak_to_the_byte(ElementType type)
    {
        using var session = new Session("cpu", type, type);
        session.Step();
        Assert.Equal(session.ForecastBytes, session.PeakBytes);
    }

    private static byte[] Bytes(StorageBlock block)
    {
        var bytes = new byte[block.Bytes];
        if (bytes.Length > 0)
        {
            block.Buffer.Read<byte>(bytes);
        }

        return bytes;
    }

    /// <summary>Flat-LoRA on the golden RoBERTa, its weights rounded to a type and stored in it or in float32.</summary>
    private sealed class Session : IDisposable
    {
        private readonly Device device;
        private readonly TransformerModel model;
        private readonly RaggedBatch batch;

        public Session(
            string deviceName, ElementType storage, ElementType rounding, TrainingMethod? method = null, AdapterForm? form = null)
        {
            ModelFolder folder = ModelFolder.Open(SharedFiles.Path("goldens/models/roberta-cls"));
            Architecture architecture = folder.CreateArchitecture();
            using AdapterFile adapter = AdapterFile.Read(SharedFiles.Path("goldens/models/roberta-cls/adapter"));
            device = TestDevices.Open(deviceName);
            Tuning.Lora tuning =
                ModelAdapters.Tuning(
                    architecture, adapter.Config with { Form = form }) with
                { WritesBaseWeights = method?.WritesBaseWeights == true };
            model = new TransformerModel(architecture, tuning, storage);
            batch = RaggedBatch.FromRows(
                [.. new[] { 9, 4, 12 }.Select(length => (Enumerable.Range(5, length).ToArray(), (int[]?)null))]) with
            {
                ClassLabels = [0, 1, 0]
            };
            BatchShape shape = BatchShape.Of(architecture, batch);
            long before = device.Memory.Current;
            device.Memory.ResetPeak();
            method ??= new FlatLora().CreatePlugIn();
            Training = new TrainingSession(device, model, method, new AdamWOptions(), shape, 10, seed: 1);
            ForecastBytes = before + Training.Forecast([shape], []).Values.Sum();
            model.Allocate(device);
            using (Checkpoint weights = folder.OpenWeights())
            {
                ModelWeights.Load(model, weights, seed: 0);
            }

            foreach (ParameterSpec spec in architecture.Parameters.Where(
                spec => model.Parameter(spec.Name).Gradient is null && model.Parameter(spec.Name).Type == ElementType.Float32))
            {
                BufferView<float> view = model.Parameter(spec.Name).View<float>();
                view.Write(
                    Array.ConvertAll(
                        view.ToArray(), value => spec.Shape.Rank == 1
                            ? value
                            : rounding == ElementType.BFloat16 ? (BFloat16)value : (float)(Half)value));
            }

            if (form?.FileType is null)
            {
                ModelAdapters.Load(model, adapter);
            }
            else
            {
                AdapterInitialization.Start(model, seed: 1);
            }

            Training.Allocate([shape], []);
            Training.Begin();
        }

        public TrainingSession Training { get; }

        public long ForecastBytes { get; }

        public long PeakBytes => device.Memory.Peak;

        public StepReport Step() => Training.Step([batch], 1e-2, "test");

        /// <summary>A step over the first two rows, and the third.</summary>
        public StepReport StepInParts() => Training.Step([Part(0, 1), Part(2)], 1e-2, "test");

        public double[] Train() => [.. Enumerable.Range(0, Steps).Select(_ => Step().Loss)];

        public float[] Values() => Training.Trainables.Values.View<float>().ToArray();

        public ushort[][] FrozenBits() => [.. model.Adapters.Select(adapter => Halves(adapter.Weight))];

        /// <summary>Adapters that change nothing yet but have large gradients by B: B is 0, A large.</summary>
        public void Enlarge(float factor)
        {
            // Layers may share an A.
            foreach (BufferView<float> a in model.Adapters.Select(adapter => adapter.A).Distinct().Select(factorA => factorA.View<float>()))
            {
                a.Write(Array.ConvertAll(a.ToArray(), value => value * factor));
            }

            foreach (LoraLinear adapter in model.Adapters)
            {
                adapter.B.View<float>().Write(new float[adapter.B.Shape.Count]);
            }
        }

        public void Dispose()
        {
            Training.Dispose();
            model.Dispose();
            device.Dispose();
        }

        private RaggedBatch Part(params int[] rows)
        {
            RaggedBatch part = batch.RoomFor(rows.Length, batch.TokenCount);
            batch.CopyRows(rows, part);
            return part;
        }

        private static ushort[] Halves(Variable weight)
        {
            var bits = new ushort[weight.Shape.Count];
            weight.Block.Buffer.Read<ushort>(bits, weight.ByteOffset);
            return bits;
        }
    }
}
