using System.Text.Json;
using Engine.Common;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.FineTuning;

/// <summary>
/// A run that is about to be trained, and the folder it writes to: the one it names, or a temporary one that goes when this is disposed.
/// </summary>
internal sealed class RunPlace : IDisposable
{
    private string? temporary;

    private RunPlace(RunConfiguration run, string? temporary)
    {
        Run = run;
        this.temporary = temporary;
    }

    public RunConfiguration Run { get; private set; }

    /// <summary>What messages call the program's examples, by the files they were written to.</summary>
    public Dictionary<string, string> ExampleNames { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether the folder goes with the model.</summary>
    public bool IsTemporary => temporary is not null;

    public static RunPlace Of(RunConfiguration run)
    {
        if (run.Output.Length > 0)
        {
            return new RunPlace(run, temporary: null);
        }

        string folder = Directory.CreateTempSubdirectory("engine-").FullName;
        return new RunPlace(run with { Output = folder }, folder);
    }

    /// <summary>Writes a program's examples into the folder and lets the run read them.</summary>
    /// <param name="columns">Says which columns the examples have; asked when they are written.</param>
    /// <exception cref="ArgumentException">There are no examples.</exception>
    /// <exception cref="ConfigurationException">The run says of its data what is read of files only.</exception>
    public async Task AddAsync<T>(
        IAsyncEnumerable<T> train,
        IAsyncEnumerable<T>? validation,
        Action<Utf8JsonWriter, T> write,
        Func<DataConfiguration, DataConfiguration> columns,
        CancellationToken cancellationToken)
    {
        ExampleData.Check(Run.Data, validates: validation is not null);
        string trainFile = await ExampleFile.WriteAsync(Run.Output, nameof(train), train, write, cancellationToken).ConfigureAwait(false);
        string? validationFile = validation is null
            ? null
            : await ExampleFile.WriteAsync(Run.Output, nameof(validation), validation, write, cancellationToken).ConfigureAwait(false);

        ExampleNames[Path.GetFullPath(trainFile)] = nameof(train);
        if (validationFile is not null)
        {
            ExampleNames[Path.GetFullPath(validationFile)] = nameof(validation);
        }

        DataFiles? validationFiles = validationFile is null ? null : new DataFiles([validationFile]);
        bool isOfFiles = ExampleData.IsOfFiles(Run.Data);
        DataConfiguration data = ExampleData.Of(Run.Data, trainFile, validationFiles);
        bool isEvaluated = data.HeldOut is not null;

        // Of a run that names files of its own, whether it evaluates goes with these.
        bool follows = isOfFiles && (!isEvaluated || Run.Data.HeldOut is null);
        Run = Run with
        {
            Data = columns(data),
            EvalStrategy = follows ? null : Run.EvalStrategy,
            EvalSteps = isOfFiles && !isEvaluated ? null : Run.EvalSteps,
        };
    }

    /// <summary>Leaves the folder where it is, for whoever wants its result.</summary>
    public void Keep() => temporary = null;

    public void Dispose()
    {
        if (temporary is null || !Directory.Exists(temporary))
        {
            return;
        }

        try
        {
            Directory.Delete(temporary, recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The system's folder for temporary files is emptied by the system.
        }
    }
}
