using Engine.Common;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Peft;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Reports;

namespace Engine.Training.Running;

/// <summary>On what a trained model is evaluated; what is left out is as its run has it.</summary>
public sealed record EvaluationSetup
{
    /// <summary>The data; what it leaves out is as the run's validation data.</summary>
    public DataSelection Data { get; init; } = new();

    /// <summary>Texts are cut to so many tokens; null: the run's, else the model's longest.</summary>
    public int? MaxLength { get; init; }

    /// <summary>How the model's matrices are stored; null: as the run has it, else as the checkpoint stores them.</summary>
    public WeightType? Dtype { get; init; }
}

/// <summary>What the evaluation of a trained model found.</summary>
/// <param name="Metrics">The task's metrics by name.</param>
/// <param name="Rows">Rows of the data.</param>
/// <param name="Data">The files that were read, and whether rows were held out of them, in words that stand behind "rows of".</param>
/// <param name="Notes">What a user should know of the weights and of the texts.</param>
public sealed record ModelMetrics(IReadOnlyDictionary<string, double> Metrics, int Rows, string Data, IReadOnlyList<string> Notes)
{
    /// <summary>The metrics in words, what they are of, and each note behind that.</summary>
    public override string ToString() =>
        string.Join(' ', [$"{Amounts.Metrics(Metrics)} on {Amounts.Of(Rows, "row")} of {Data}.", .. Notes]);
}

/// <summary>
/// The evaluation of a trained model: a classifier or regressor on labelled data, a run's language model or maker of sentence vectors on
/// texts, laid out and cut as its run did. The data is read when this is made, before a device is needed.
/// </summary>
public sealed class ModelEvaluation
{
    private const int BatchSize = 16;

    private readonly Func<Device, CancellationToken, ModelMetrics> run;

    /// <exception cref="ConfigurationException">There is no data, columns are not named, or no run says how texts are laid out.</exception>
    /// <exception cref="Common.Files.ModelFileException">The model's folder cannot be used.</exception>
    /// <exception cref="Model.Batching.DataFileException">The data cannot be used.</exception>
    public ModelEvaluation(TrainedModel model, EvaluationSetup? setup = null)
    {
        setup ??= new EvaluationSetup();
        WeightType type = setup.Dtype ?? model.Dtype;
        if (model.Run is { } made && !made.Task.PredictsLabels())
        {
            LanguageModelData texts = ReadTexts(model, made, setup);
            Notes = texts.Notes;
            run = (device, cancellationToken) => Evaluate(texts, model, type, device, cancellationToken);
        }
        else
        {
            RequireNoLanguageModel(model);
            (ExampleSet examples, bool isHeldOut) = ReadExamples(model, setup);
            run = (device, cancellationToken) =>
            {
                ModelMetrics found = Evaluate(examples, model, type, setup.MaxLength, device, cancellationToken);
                return isHeldOut ? found with { Data = $"{found.Data} that were held out of training" } : found;
            };
        }
    }

    /// <summary>What a user should know of the rows before anything runs, such as samples that were cut or dropped.</summary>
    public IReadOnlyList<string> Notes { get; } = [];

    /// <summary>Loads the model and evaluates it.</summary>
    /// <exception cref="Common.Files.ModelFileException">Weights are missing or broken.</exception>
    /// <exception cref="Model.Batching.DataFileException">A label that the model does not have.</exception>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled between two batches.</exception>
    public ModelMetrics Run(Device device, CancellationToken cancellationToken = default) => run(device, cancellationToken);

    private static ModelMetrics Evaluate(
        LanguageModelData texts, TrainedModel model, WeightType type, Device device, CancellationToken cancellationToken)
    {
        using EvaluationModel loaded = texts.Load(device, model, type);
        Evaluator evaluator = texts.Validation!;
        return new ModelMetrics(loaded.Evaluate(evaluator, cancellationToken).Metrics, evaluator.RowCount, evaluator.Origin, loaded.Notes);
    }

    private static ModelMetrics Evaluate(
        ExampleSet examples, TrainedModel model, WeightType type, int? maxLength, Device device, CancellationToken cancellationToken)
    {
        using Predictor predictor = Predictor.Open(device, model, type);
        EvaluationResult result = predictor.Evaluate(
            examples, maxLength ?? predictor.ReadLength, model.Run?.PerDeviceEvalBatchSize ?? BatchSize, cancellationToken);
        string[] oneLabel = result.OnlyClass is { } only ? [$"{EvaluationNote.OneLabel(predictor.Labels[only])}."] : [];
        return new ModelMetrics(
            result.Metrics, examples.Count, examples.Files.ToString(), [.. predictor.Notes, .. result.Notes, .. oneLabel]);
    }

    /// <summary>The rows, and whether they are those that the run held out of its training data.</summary>
    private static (ExampleSet Rows, bool IsHeldOut) ReadExamples(TrainedModel model, EvaluationSetup setup)
    {
        DataConfiguration data = setup.Data.Labelled(model.Run?.Data, "evaluate on");
        RunConfiguration run = model.Run ?? new RunConfiguration { Model = model.Model, Task = TaskOf(model) };
        return ((run with { Data = data }).ReadValidationExamples()!, data.Validation is null);
    }

    private static TaskKind TaskOf(TrainedModel model)
    {
        ModelFolder folder = ModelFolder.Open(model.Model);
        return GivenAdapter.TaskOf(folder.CreateClassifier(model.Adapter, folder.ClassifierHead(model.Adapter)).Head);
    }

    private static LanguageModelData ReadTexts(TrainedModel model, RunConfiguration run, EvaluationSetup setup) => LanguageModelData.Read(
        run with
        {
            Model = model.Model,
            MaxLength = setup.MaxLength ?? run.MaxLength,
            Data = setup.Data.Required(run.Data, "evaluate on"),
        },
        model.Adapter);

    /// <summary>Refuses a language model of which no run says how its texts are laid out.</summary>
    private static void RequireNoLanguageModel(TrainedModel model)
    {
        bool isCausal = model.Run is null && (model.Adapter is null
            ? ModelFolder.Open(model.Model).CreateArchitecture().Head == HeadKind.CausalLm
            : AdapterConfig.Read(model.Adapter).TaskType == AdapterConfig.CausalLanguageModel);
        if (isCausal)
        {
            throw new ConfigurationException(
                $"{model.Adapter ?? model.Model} is a language model, and its run says how the texts that it is evaluated on are laid out "
                    + "and cut: give that run, its folder or its file, in its place; other texts can be named beside it.")
            {
                Settings = ["Data"],
            };
        }
    }
}
