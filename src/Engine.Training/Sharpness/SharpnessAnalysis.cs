using Engine.Common;
using Engine.Common.Keys;
using Engine.Devices;
using Engine.Model.Adapters;
using Engine.Model.Batching;
using Engine.Model.Loading;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.Peft;
using Engine.Optim;
using Engine.Optim.Sharpness;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.Training.Sharpness;

/// <summary>
/// Measures how flat the loss is around trained adapters, all on the same directions; docs/sharpness.md says what each figure means.
/// </summary>
public sealed class SharpnessAnalysis
{
    /// <summary>
    /// Vectors that live at once beside Lanczos' basis: the point's copy, scratch, and the most that another instrument holds.
    /// </summary>
    private const int VectorsAtOnce = 4;

    private readonly Device device;
    private readonly SharpnessOptions options;
    private readonly IntruderDimensions intruders = new();

    /// <exception cref="ConfigurationException">An option is out of its range.</exception>
    public SharpnessAnalysis(Device device, SharpnessOptions options)
    {
        options.Validate();
        this.device = device;
        this.options = options;
    }

    private bool AddsNoise => options.Instruments.Contains(SharpnessInstrument.Noise);

    private bool LooksAtLayers =>
        options.Instruments.Any(instrument => instrument is SharpnessInstrument.Layers or SharpnessInstrument.Intruders);

    /// <summary>
    /// Sees that everything an adapter is measured with is there and fits, before any of the work; returns what a user should know of the
    /// data.
    /// </summary>
    /// <exception cref="Engine.Common.Files.ModelFileException">A file is missing or broken, or adapter and model do not fit.</exception>
    /// <exception cref="Model.Batching.DataFileException">The data cannot be used.</exception>
    public static IReadOnlyList<string> Require(SharpnessSubject subject)
    {
        subject = subject with { Run = RunRules.ResolveEvaluation(subject.Run) };
        ModelFolder folder = ModelFolder.Open(subject.Run.Model);
        using AdapterFile file = AdapterFile.Read(subject.Adapter);
        Architecture architecture = ArchitectureOf(subject, folder);
        ModelAdapters.Bind(architecture, file);
        folder.RequireWeights();
        return Evaluation(subject.Run, folder, architecture).Notes;
    }

    /// <summary>Measures one adapter. Cancelled, it returns what was measured before.</summary>
    /// <exception cref="Engine.Common.Files.ModelFileException">A file is missing or broken, or adapter and model do not fit.</exception>
    /// <exception cref="Model.Batching.DataFileException">The data cannot be used.</exception>
    public AdapterReport Measure(
        SharpnessSubject subject, IProgress<SharpnessProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        subject = subject with { Run = RunRules.ResolveEvaluation(subject.Run) };
        ModelFolder folder = ModelFolder.Open(subject.Run.Model);
        using AdapterFile file = AdapterFile.Read(subject.Adapter);
        RequireSpaces(file);
        Architecture architecture = ArchitectureOf(subject, folder);
        Tuning.Lora tuning = ModelAdapters.Tuning(architecture, file);
        if (tuning.Adapters.Count == 0)
        {
            throw new ConfigurationException($"{subject.Adapter} adapts no linear layer, so that there is nothing to measure; an adapter "
                + "with LoRA factors was expected.");
        }

        Evaluator evaluation = Evaluation(subject.Run, folder, architecture).Evaluator;
        var meter = new Meter(
            subject.Name,
            options.PassesOfSpace(tuning.Adapters.Count),
            options.Spaces.Distinct().Count(),
            AddsNoise ? WeightNoise.Passes(options.Samples) : 0,
            progress);
        var report = new AdapterReport(subject.Name, subject.Adapter, evaluation.RowCount, [], [], Complete: true);
        if (options.Spaces.Contains(SharpnessSpace.Adapter))
        {
            using TransformerModel model =
                Load(subject, folder, architecture, tuning with { HeldParameters = tuning.SavedParameters, HoldsTokenRows = true }, tuning);
            ModelAdapters.Load(model, file);
            report = Look(report, model, SharpnessSpace.Adapter, evaluation, meter, cancellationToken);
        }

        if (report.Complete && (options.Spaces.Contains(SharpnessSpace.Weights) || LooksAtLayers || AddsNoise))
        {
            string[] weights = [.. tuning.Adapters.Select(target => $"{target.Module}.weight")];
            string[] held = [.. tuning.SavedParameters.Except(weights)];
            var whole = new Tuning.Lora([], [.. weights, .. held])
            {
                HeldParameters = held,
                TokenRows = tuning.TokenRows,
                HoldsTokenRows = true
            };
            using TransformerModel model = Load(subject, folder, architecture, whole, tuning);
            if (LooksAtLayers)
            {
                report = LookAtLayers(report, model, file, meter, cancellationToken);
            }

            float[] baseWeights = AddsNoise ? model.Trainables!.Values.View<float>().ToArray() : [];
            if (report.Complete)
            {
                ModelAdapters.LoadMerged(model, file);
            }

            if (report.Complete && options.Spaces.Contains(SharpnessSpace.Weights))
            {
                report = Look(report, model, SharpnessSpace.Weights, evaluation, meter, cancellationToken);
            }

            if (report.Complete && AddsNoise)
            {
                report = LookUnderNoise(report, model, baseWeights, evaluation, meter, cancellationToken);
            }
        }

        return report;
    }

    /// <summary>Refuses to look at the whole weights of an adapter that cannot be merged into them.</summary>
    private void RequireSpaces(AdapterFile file)
    {
        if (file.Config.Form is { Unmergeable: { } reason } form
            && (options.Spaces.Contains(SharpnessSpace.Weights) || LooksAtLayers || AddsNoise))
        {
            throw new ConfigurationException(
                $"{file.FolderPath} is an adapter of {form.Name}, of which there are no whole weights to look at: {reason}. "
                + "Look at the adapter's own space, with other instruments than layers, intruders and noise.")
            {
                Settings = [nameof(options.Spaces), nameof(options.Instruments)],
            };
        }
    }

    private static Architecture ArchitectureOf(SharpnessSubject subject, ModelFolder folder) =>
        subject.Run.Task.PredictsLabels()
            ? folder.CreateClassifier(subject.Adapter, RunData.HeadOf(subject.Run.Task))
            : ModelFolder.Adapted(
                RunData.CreateArchitecture(subject.Run, folder, RunData.HeadOf(subject.Run.Task)), subject.Adapter);

    private static (Evaluator Evaluator, IReadOnlyList<string> Notes) Evaluation(
        RunConfiguration run, ModelFolder folder, Architecture architecture)
    {
        LabelVocabulary? labels = run.Task.HasClasses()
            ? LabelVocabulary.FromModel(architecture.ModelConfig.Labels.Names)
            : null;
        var encoder = new RunEncoder(run, folder, architecture);
        Evaluator evaluator = encoder.Validation(labels)
            ?? throw new ConfigurationException("There is no data to measure sharpness on: the run has no "
                + $"{Setting.Of("data.validation")}; name a labelled file.");
        return (evaluator, encoder.Notes);
    }

    /// <summary>The model with its base weights.</summary>
    /// <param name="adapter">The adapter that is loaded over them.</param>
    private TransformerModel Load(
        SharpnessSubject subject, ModelFolder folder, Architecture architecture, Tuning.Lora trained, Tuning.Lora adapter)
    {
        var model = new TransformerModel(architecture, trained, folder.StorageOf(subject.Run.Dtype));
        try
        {
            RequireMemory(model);
            model.Allocate(device);
            ModelLoading.LoadWeights(model, folder, subject.Seed, adapter.SavedParameters);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private void RequireMemory(TransformerModel model)
    {
        int vectors = VectorsAtOnce + (options.Instruments.Contains(SharpnessInstrument.Spectrum) ? options.LanczosSteps + 1 : 0);
        long bytes = device.Memory.Current + model.Blocks.Sum(block => block.Bytes)
            + ((long)vectors * sizeof(float) * model.Trainables!.Count);
        if (bytes > device.MemoryBytes)
        {
            throw new TrainingException(
                $"Looking at {model.Trainables.Count:N0} parameters takes {bytes:N0} bytes and more on {device}, which has "
                    + $"{device.MemoryBytes:N0}. "
                + "Leave out the instrument spectrum, which keeps a vector for every Lanczos step, or the space weights, or choose another "
                + "device.");
        }
    }

    private AdapterReport Look(
        AdapterReport report, TransformerModel model, SharpnessSpace space, Evaluator evaluation, Meter meter,
        CancellationToken cancellationToken)
    {
        meter.Begin($"{SharpnessNames.Of(space)}: loss");
        using var surface = new ModelSurface(device, model, evaluation.Batches, evaluation.Origin);
        (SpaceReport? measured, bool complete) = SurfaceInstruments.Measure(
            surface, space, options, instrument => meter.Begin($"{SharpnessNames.Of(space)}: {SharpnessNames.Of(instrument)}"), meter.Add,
            cancellationToken);
        meter.EndSpace();
        return report with { Spaces = measured is null ? report.Spaces : [.. report.Spaces, measured], Complete = complete };
    }

    private AdapterReport LookUnderNoise(
        AdapterReport report, TransformerModel merged, float[] baseWeights, Evaluator evaluation, Meter meter,
        CancellationToken cancellationToken)
    {
        meter.Begin("noise");
        using var surface = new ModelSurface(device, merged, evaluation.Batches, evaluation.Origin);
        using SurfaceVector origin = surface.Space.Create();
        origin.View.Write(baseWeights);
        try
        {
            return report with
            {
                Noise = WeightNoise.Measure(
                    surface, origin, evaluation, options.Sigma, options.Samples, options.Seed, meter.Add, cancellationToken),
            };
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return report with { Complete = false };
        }
    }

    private AdapterReport LookAtLayers(
        AdapterReport report, TransformerModel model, AdapterFile file, Meter meter, CancellationToken cancellationToken)
    {
        List<LayerReport> layers = [];
        bool isProduct = file.Config is { UseDora: false, HoldsBaseWeights: false };
        meter.Begin("layers");
        foreach (MergedLayer layer in ModelAdapters.Merge(model, file))
        {
            if (cancellationToken.IsCancellationRequested)
            {
                return report with { Layers = layers, Complete = false };
            }

            layers.Add(new LayerReport(
                layer.Tensors.Module,
                layer.Tensors.Rank,
                options.Instruments.Contains(SharpnessInstrument.Layers) ? Geometry(layer, isProduct) : null,
                options.Instruments.Contains(SharpnessInstrument.Intruders)
                    ? intruders.Count(layer.Tensors.Module, layer.Original, layer.Merged, layer.Weight.Shape.Rows)
                    : null));
        }

        return report with { Layers = layers };
    }

    /// <param name="isProduct">What training changed is the product of the factors alone.</param>
    private static UpdateGeometry Geometry(MergedLayer layer, bool isProduct)
    {
        float[] a = layer.Tensors.A.ToFloat32(), b = layer.Tensors.B.ToFloat32();
        double baseNorm = Math.Sqrt(layer.Original.Sum(value => (double)value * value));
        return isProduct
            ? UpdateGeometry.Of(a, b, layer.Tensors.Rank, layer.Scale, baseNorm)
            : UpdateGeometry.Of(
                a, b, [.. layer.Merged.Zip(layer.Original, (merged, original) => merged - original)], layer.Weight.Shape.Rows, baseNorm);
    }

    /// <summary>Counts forward passes and says how far they are.</summary>
    private sealed class Meter(string adapter, long passesOfSpace, int spaces, int furtherPasses, IProgress<SharpnessProgress>? progress)
    {
        private string what = "";
        private long done;
        private int ended;

        public void Begin(string next)
        {
            what = next;
            Report();
        }

        public void Add(int passes)
        {
            done += passes;
            Report();
        }

        /// <summary>A power iteration that has converged leaves passes over.</summary>
        public void EndSpace() => done = ++ended * passesOfSpace;

        private void Report() => progress?.Report(new SharpnessProgress(adapter, what, done, (spaces * passesOfSpace) + furtherPasses));
    }
}
