using System.Text.Json;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.FineTuning;

/// <summary>A run that is about to be trained, and the folder it writes to: the one it names, or a temporary one that goes when this is disposed.</summary>
internal sealed class RunPlace : IDisposable
{
    private readonly string? temporary;

    private RunPlace(RunConfiguration run, string? temporary)
    {
        Run = run;
        this.temporary = temporary;
    }

    public RunConfiguration Run { get; private set; }

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
        IAsyncEnumerable<T> train, IAsyncEnumerable<T>? validation, Action<Utf8JsonWriter, T> write, Func<DataConfiguration, DataConfiguration> columns, CancellationToken cancellation)
    {
        string trainFile = await ExampleFile.WriteAsync(Run.Output, "train", train, write, cancellation).ConfigureAwait(false);
        string? validationFile = validation is null
            ? null
            : await ExampleFile.WriteAsync(Run.Output, "validation", validation, write, cancellation).ConfigureAwait(false);
        DataConfiguration data = (Run.Data ?? new DataConfiguration { Train = trainFile }) with { Train = trainFile, Validation = validationFile is null ? null : new DataFiles([validationFile]) };
        Run = Run with { Data = columns(data) };
    }

    public void Dispose()
    {
        if (temporary is not null && Directory.Exists(temporary))
        {
            Directory.Delete(temporary, recursive: true);
        }
    }
}
