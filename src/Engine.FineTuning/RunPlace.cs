using System.Text.Json;
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
    public async Task AddAsync<T>(
        IAsyncEnumerable<T> train,
        IAsyncEnumerable<T>? validation,
        Action<Utf8JsonWriter, T> write,
        Func<DataConfiguration, DataConfiguration> columns,
        CancellationToken cancellationToken)
    {
        string trainFile = await ExampleFile.WriteAsync(Run.Output, "train", train, write, cancellationToken).ConfigureAwait(false);
        string? validationFile = validation is null
            ? null
            : await ExampleFile.WriteAsync(Run.Output, "validation", validation, write, cancellationToken).ConfigureAwait(false);

        // Of a run that a file described, what it says of its own data's files, and whether it evaluates, goes with them.
        DataConfiguration? given = Run.Data;
        double? split = validationFile is null ? given?.ValidationSplit : null;
        bool isEvaluated = validationFile is not null || split is not null;
        bool follows = !isEvaluated || (given is not null && given.HeldOut is null);
        Run = Run with
        {
            Data = columns(new DataConfiguration
            {
                Train = trainFile,
                Validation = validationFile is null ? null : new DataFiles([validationFile]),
                ValidationSplit = split,
                Labels = given?.Labels,
            }),
            EvalStrategy = follows ? null : Run.EvalStrategy,
            EvalSteps = isEvaluated ? Run.EvalSteps : null,
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
