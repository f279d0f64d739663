using Microsoft.Extensions.Logging;

namespace Engine.FineTuning.Tests;

/// <summary>A log that keeps its lines.</summary>
internal sealed class Recorder : ILogger
{
    public List<string> Lines { get; } = [];

    /// <summary>Those of level warning.</summary>
    public List<string> Warnings { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        Lines.Add(formatter(state, exception));
        if (logLevel == LogLevel.Warning)
        {
            Warnings.Add(Lines[^1]);
        }
    }
}
