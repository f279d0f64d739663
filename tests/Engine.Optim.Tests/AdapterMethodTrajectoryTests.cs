using System.Text.Json;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Safetensors;
using Engine.Optim.Methods;
using Engine.Tests;

namespace Engine.Optim.Tests;

/// <summary>Runs of methods on LoRA factors held against PyTorch's, their inner values too.</summary>
public sealed class AdapterMethodTrajectoryTests
{
    public static TheoryData<string, (string Model, string Run)> FmRuns(bool inRepository) =>
        TestDevices.QuickWith<(string, string)>(GoldenFiles.Runs(inRepository, "fm-lora"));

    public static TheoryData<string, (string Model, string Run)> EfmRuns(bool inRepository) =>
        TestDevices.QuickWith<(string, string)>(GoldenFiles.Runs(inRepository, "efm-lora", "efm-lora-both", "efm-lora-decay"));

    public static TheoryData<string, (string Model, string Run)> BiRuns(bool inRepository) =>
        TestDevices.QuickWith<(string, string)>(GoldenFiles.Runs(inRepository, "bi-lora"));

    [Theory]
    [MemberData(nameof(FmRuns), true)]
    [SharedMemberData(nameof(FmRuns), false)]
    public void Fm_lora_and_its_perturbations_match_pytorch(string deviceName, (string Model, string Run) problem)
    {
        RecordingFmLora? method = null;
        using var run = new GoldenRun(
            deviceName, problem.Model, problem.Run, (settings, _) => method = new RecordingFmLora(settings.GetProperty("rho").GetDouble()));
        for (int step = 0; step < run.Steps; step++)
        {
            run.Step(step);
            if (step is 0 or 5)
            {
                run.RequireNear(ByLayer(run.Model, method!.Perturbation.View<float>().ToArray(), $"mid.fm.step{step}", "E_B"));
            }
        }

        run.RequireFinalWeights();
    }

    [Theory]
    [MemberData(nameof(EfmRuns), true)]
    [SharedMemberData(nameof(EfmRuns), false)]
    public void Efm_lora_and_its_average_match_pytorch(string deviceName, (string Model, string Run) problem)
    {
        using var run = new GoldenRun(deviceName, problem.Model, problem.Run);
        Variable average = run.Session.MethodState.Variables.Single(variable => variable.Name == "perturbation");
        for (int step = 0; step < run.Steps; step++)
        {
            run.Step(step);
            if (step is 0 or 5)
            {
                run.RequireNear(ByLayer(run.Model, average.View<float>().ToArray(), $"mid.efm.step{step}", "ema"));
            }
        }

        run.RequireFinalWeights();
    }

    [Theory]
    [MemberData(nameof(BiRuns), true)]
    [SharedMemberData(nameof(BiRuns), false)]
    public void Bi_lora_its_auxiliary_and_its_norms_match_pytorch(string deviceName, (string Model, string Run) problem)
    {
        using var start = new StartFile("init.aux.");
        RecordingBiLora? method = null;
        using var run = new GoldenRun(deviceName, problem.Model, problem.Run, (settings, golden) =>
            method = new RecordingBiLora(new BiLora
            {
                Rho = settings.GetProperty("rho").GetDouble(),
                AuxiliaryRank = settings.GetProperty("r2").GetInt32(),
                AuxiliaryLearningRate = settings.GetProperty("lr2").GetDouble(),
                AuxiliaryInit = start.Write(golden),
            }));
        float[] norms = run.Golden["mid.bi.norms"].ToFloat32();
        for (int step = 0; step < run.Steps; step++)
        {
            run.Step(step);

            // The last digits of a sum of squares over six layers; step 0 has learning rate 0 and both are 0.
            Assert.Equal(norms[step], method!.NormBeforeClipping(run.Model), 1e-4 * norms[step]);
        }

        run.RequireFinalWeights();
        run.RequireNear(run.Model.Adapters.SelectMany(layer => method!.Auxiliary(layer) is { } pair
            ? new[] { (pair.A.View<float>().ToArray(), $"final.aux.{layer.Module}.A"),
                (pair.B.View<float>().ToArray(), $"final.aux.{layer.Module}.B") }
            : []));
    }

    public static TheoryData<string, string> HaRuns => TestDevices.QuickWith<string>("halora-spectral", "halora-frobenius");

    [SharedTheory]
    [MemberData(nameof(HaRuns))]
    public void Halora_its_regulariser_and_its_gradients_match_pytorch(string deviceName, string name)
    {
        using var run = new GoldenRun(deviceName, GoldenFiles.Related(name), LossAverage.Batches);
        double mu = run.Settings.GetProperty("mu").GetDouble();
        float[] task = run.Golden["mid.halora.task_loss"].ToFloat32(), regulariser = run.Golden["mid.halora.regulariser"].ToFloat32();
        for (int step = 0; step < run.Steps; step++)
        {
            StepReport report = run.Step(step);
            Assert.Equal(task[step], report.Loss - report.AdapterLoss, 5e-6 * task[step]);
            Assert.Equal(mu * regulariser[step], report.AdapterLoss, 5e-6 * mu * regulariser[step]);
            if (step == 3)
            {
                LoraLinear layer = run.Model.Adapters[0];
                run.RequireNear(
                [
                    (layer.A.Gradient!.View<float>().ToArray(), "mid.halora.step3.layer0.grad_A"),
                    (layer.B.Gradient!.View<float>().ToArray(), "mid.halora.step3.layer0.grad_B"),
                ]);
            }
        }

        run.RequireMovement();
    }

    public static TheoryData<string, string> LaRuns => TestDevices.QuickWith<string>("la-lora-paper", "la-lora-code");

    [SharedTheory]
    [MemberData(nameof(LaRuns))]
    public void La_lora_its_clipping_and_its_filters_match_pytorch_with_the_goldens_noise(string deviceName, string name)
    {
        GivenNoise? method = null;
        using var run = new GoldenRun(
            deviceName, GoldenFiles.Related(name), LossAverage.Batches, (settings, _) => method = new GivenNoise(LaLoraOf(settings)));
        bool isPaper = name == "la-lora-paper";
        float[]? factors = isPaper ? run.Golden["mid.lalora.clip_factors"].ToFloat32() : null;
        for (int step = 0; step < run.Steps; step++)
        {
            float[] before = run.Model.Trainables!.Values.View<float>().ToArray();
            method!.Give(run.Golden, step);
            run.Step(step);
            foreach ((string tensor, Variable value) in run.Model.Trainables.Entries)
            {
                // The paper's first step trains B, the code's A.
                bool isStill = tensor.Contains((step % 2 == 0) == isPaper ? "lora_A" : "lora_B", StringComparison.Ordinal);
                float[] start = before.AsSpan(TrainableParameters.OffsetOf(value), (int)value.Shape.Count).ToArray();
                Assert.Equal(isStill, start.SequenceEqual(value.View<float>().ToArray()));
                RequireInner(run, $"mid.lalora.step{step}.{(isPaper ? "filtered" : "grad")}.{tensor}", value.Gradient!);
                RequireInner(run, $"mid.lalora.step{step}.smoothed.{tensor}", method.Smoothed(value));
            }

            if (factors is not null)
            {
                int samples = factors.Length / run.Steps;
                double mean = factors.AsSpan(step * samples, samples).ToArray().Average(factor => (double)factor);
                Assert.Equal(mean, run.Session.Numbers.Single().Value, 1e-5 * mean);
            }
        }

        run.RequireMovement();
    }

    private static void RequireInner(GoldenRun run, string name, Variable value)
    {
        if (run.Golden.Contains(name))
        {
            run.RequireNear([(value.View<float>().ToArray(), name)]);
        }
    }

    private static LaLora LaLoraOf(JsonElement settings)
    {
        double? Number(string key) => settings.TryGetProperty(key, out JsonElement number) ? number.GetDouble() : null;
        return new LaLora
        {
            Reference = settings.GetProperty("reference").GetString() == "paper" ? LaLoraForm.Paper : LaLoraForm.Code,
            Optimizer = settings.GetProperty("optimizer").GetString() == "sgd" ? StepOptimizer.Sgd : StepOptimizer.AdamW,
            Clip = Number("clip"),
            DpSigma = Number("dp_sigma"),
            R = Number("R"),
            LsSigma = Number("ls_sigma"),
            ClipMax = Number("clip_max"),
            LrBFactor = Number("lr_B_factor"),
        };
    }

    /// <summary>A run of matrices of B's shapes, layer by layer, with the golden's names.</summary>
    private static IEnumerable<(float[] Actual, string Name)> ByLayer(TransformerModel model, float[] packed, string prefix, string suffix)
    {
        int start = 0;
        foreach (LoraLinear layer in model.Adapters)
        {
            int count = (int)layer.B.Shape.Count;
            yield return (packed[start..(start + count)], $"{prefix}.layer{layer.Index}.{suffix}");
            start += count;
        }
    }

    /// <summary>FMLoRA that also keeps the perturbation: B as the second pass sees it, minus B as it was.</summary>
    private sealed class RecordingFmLora(double rho) : FmLoraMethod(new() { Rho = rho })
    {
        private Variable? recorded;

        public Variable Perturbation => recorded!;

        public override void Attach(MethodContext context)
        {
            base.Attach(context);
            recorded = context.State.Reserve("recorded", B.Shape);
        }

        public override void OnGradientsReady(GraphBuilder graph, StepCourse course)
        {
            graph.Store(Direction(graph), recorded!);
            base.OnGradientsReady(graph, course);
        }
    }

    /// <summary>Bi-LoRA that also keeps the auxiliary as it is before it is clipped.</summary>
    private sealed class RecordingBiLora(BiLora settings) : BiLoraMethod(settings)
    {
        private Variable? recorded;

        public override void Attach(MethodContext context)
        {
            base.Attach(context);
            recorded = context.State.Reserve("recorded", Values.Shape);
        }

        public override void OnAfterUpdate(GraphBuilder graph, StepCourse course, Tensor finite)
        {
            graph.Store(graph.Read(Values), recorded!);
            base.OnAfterUpdate(graph, course, finite);
        }

        /// <summary>The norm of all products s B2 A2, multiplied out in float64.</summary>
        public double NormBeforeClipping(TransformerModel model)
        {
            float[] values = recorded!.View<float>().ToArray();
            double sum = 0;
            foreach (LoraLinear layer in model.Adapters)
            {
                AuxiliaryFactors pair = Auxiliary(layer)!;
                (int rows, int columns, int rank) = (pair.B.Shape.Rows, pair.A.Shape.Columns, pair.A.Shape.Rows);
                int a = (int)((pair.A.ByteOffset - Values.ByteOffset) / sizeof(float)),
                    b = (int)((pair.B.ByteOffset - Values.ByteOffset) / sizeof(float));
                for (int i = 0; i < rows; i++)
                {
                    for (int j = 0; j < columns; j++)
                    {
                        double element = 0;
                        for (int k = 0; k < rank; k++)
                        {
                            element += (double)values[b + (i * rank) + k] * values[a + (k * columns) + j];
                        }

                        sum += Math.Pow(layer.Scale * element, 2);
                    }
                }
            }

            return Math.Sqrt(sum);
        }
    }

    /// <summary>LA-LoRA with the normals that a golden gives for each step.</summary>
    private sealed class GivenNoise(LaLora settings) : LaLoraMethod(settings)
    {
        private Variable? noise;

        public override void Attach(MethodContext context)
        {
            base.Attach(context);
            noise = context.Scratch.Reserve("given_noise", new Shape(context.Trainables.Count));
        }

        /// <summary>Takes a step's normals to the device; a tensor that the golden has none for gets none.</summary>
        public void Give(SafetensorsFile golden, int step)
        {
            float[] normals = new float[Context.Trainables.Count];
            foreach ((string name, Variable value) in Context.Trainables.Entries)
            {
                if (golden.TryGet($"noise.{step}.{name}", out SafetensorsTensor? given))
                {
                    given.ToFloat32().CopyTo(normals, TrainableParameters.OffsetOf(value));
                }
            }

            noise!.View<float>().Write(normals);
        }

        /// <summary>A tensor's smoothed gradient of the last step, of the code's form.</summary>
        public Variable Smoothed(Variable tensor) => Context.Scratch.Overlay(
            "smoothed", tensor.Shape, Context.Scratch.Variables.Single(variable => variable.Name == "la_lora.sum"),
            TrainableParameters.OffsetOf(tensor));

        /// <summary>The slot is 1 where losses are not scaled.</summary>
        private protected override void AddNoise(GraphBuilder graph, Variable run, Tensor deviation) =>
            graph.Move(noise!, Context.Scalars, StepScalars.InverseLossScale, deviation, run);
    }
}
