using System.Text.Json;
using Engine.Devices;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>The metrics of a language model, or of sentence vectors, over a program's examples, laid out and cut as its run does.</summary>
internal static class LanguageEvaluation
{
    /// <param name="name">What the caller's parameter is called.</param>
    /// <param name="write">Writes an example as the JSON line that a run reads.</param>
    /// <param name="columns">Says which columns the lines have.</param>
    /// <exception cref="ArgumentException">There are no examples.</exception>
    public static async Task<IReadOnlyDictionary<string, double>> EvaluateAsync<T>(
        Device device,
        TrainedModel trained,
        TaskKind task,
        string name,
        IAsyncEnumerable<T> examples,
        Action<Utf8JsonWriter, T> write,
        Func<DataConfiguration, DataConfiguration> columns,
        CancellationToken cancellationToken)
    {
        using IDisposable names = SettingNames.Use();
        string folder = Directory.CreateTempSubdirectory("engine-").FullName;
        try
        {
            string path = await ExampleFile.WriteAsync(folder, name, examples, write, cancellationToken).ConfigureAwait(false);
            using IDisposable called =
                ExampleNames.Use(new Dictionary<string, string>(StringComparer.Ordinal) { [Path.GetFullPath(path)] = name });
            DataFiles file = path;
            RunConfiguration start = trained.Run ?? new RunConfiguration { Model = trained.Model };
            RunConfiguration run = start with
            {
                Model = trained.Model,
                Task = task,
                Data = columns(ExampleData.Of(start.Data, file, file)),
            };
            var data = LanguageModelData.Read(run, trained.Adapter);
            using EvaluationModel model = data.Load(device, trained);
            return model.Evaluate(data.Validation!, cancellationToken).Metrics;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
