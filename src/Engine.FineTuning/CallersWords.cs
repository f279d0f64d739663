using System.Globalization;
using System.Text.RegularExpressions;
using Engine.Common;
using Engine.Common.Files;
using Engine.Model.Batching;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>
/// Messages in the words of a program: they speak of <c>train[17]</c>, the entry of its parameter, where a run's speak of a line of the
/// file that the examples were written to.
/// </summary>
internal sealed class CallersWords
{
    private readonly List<(Regex Places, string Name)> files = [];

    /// <param name="path">A file with an example on each line.</param>
    /// <param name="name">The parameter that the examples came by.</param>
    public void Add(string path, string name)
    {
        string file = Regex.Escape(Path.GetFileName(path)), full = Regex.Escape(Path.GetFullPath(path));
        files.Add((new Regex($@"line (?<line>\d+) of {full}|(?:{full}|{file})(?::(?<line>\d+))?", RegexOptions.CultureInvariant), name));
    }

    /// <summary>A message in the caller's words.</summary>
    public string In(string message) => files.Aggregate(
        message,
        (said, file) => file.Places.Replace(said, place => place.Groups["line"] is { Success: true, Value: var line }
            ? $"{file.Name}[{int.Parse(line, CultureInfo.InvariantCulture) - 1}]"
            : file.Name));

    /// <summary>The error in the caller's words; null where it has them already.</summary>
    public Exception? Of(Exception error)
    {
        string said = ErrorSentence.WithoutParameter(error), message = In(said);
        return message == said ? null : error switch
        {
            DataFileException data => data.Saying(message),
            ArgumentException argument when argument.GetType() == typeof(ArgumentException) =>
                new ArgumentException(message, argument.ParamName, argument),
            ConfigurationException settings => new ConfigurationException(message, settings) { Settings = settings.Settings },
            TrainingException training =>
                new TrainingException(message, training) { StoppedBy = training.StoppedBy, Settings = training.Settings },
            _ => null,
        };
    }

    /// <summary>Progress in the caller's words.</summary>
    public IProgress<TrainingProgress>? Of(IProgress<TrainingProgress>? progress) =>
        progress is null ? null : new Worded(this, progress);

    private sealed class Worded(CallersWords words, IProgress<TrainingProgress> progress) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => progress.Report(value switch
        {
            TrainingProgress.Started started => started with { Notes = [.. started.Notes.Select(words.In)] },
            TrainingProgress.Skipped skipped => skipped with { Reason = words.In(skipped.Reason) },
            TrainingProgress.Evaluated { Warning: { } warning } evaluated => evaluated with { Warning = words.In(warning) },
            TrainingProgress.Stopping stopping => stopping with { Reason = words.In(stopping.Reason) },
            _ => value,
        });
    }
}
