using System.Globalization;
using System.Runtime.InteropServices;
using Engine.Devices;
using Engine.Training.Running;

namespace Engine.Bench.Study;

/// <summary><c>study WORK RESULTS [PART...] [--methods NAME,NAME] [--most N] [--device DEVICE]</c>, from the repository's root.</summary>
internal static class StudyCommand
{
    private const int Unfinished = 130;

    /// <returns>0 where every run that was asked for is there, 130 where one is still to be made or failed, 1 for wrong
    /// arguments.</returns>
    public static int Run(IReadOnlyList<string> arguments)
    {
        List<string> names = [.. arguments];
        string? methods = Option("--methods"), most = Option("--most"), id = Option("--device");
        if (names is not [var work, var results, .. var chosen])
        {
            Console.Error.WriteLine("study WORK RESULTS [PART...] [--methods NAME,NAME] [--most N] [--device DEVICE]");
            return 1;
        }

        if (chosen.FirstOrDefault(name => StudyPart.All.All(part => part.Name != name)) is { } unknown)
        {
            Console.Error.WriteLine(
                $"There is no part '{unknown}'; the parts are {string.Join(", ", StudyPart.All.Select(part => part.Name))}.");
            return 1;
        }

        string[] only = methods?.Split(',') ?? [];
        if (only.FirstOrDefault(name => StudyMethod.All.All(method => method.Name != name)) is { } stranger)
        {
            Console.Error.WriteLine(
                $"There is no method '{stranger}'; the methods are {string.Join(", ", StudyMethod.All.Select(method => method.Name))}.");
            return 1;
        }

        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration keys = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop),
            request = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using Device device = DeviceCatalog.Open(id ?? "cpu");
        try
        {
            var runner = new StudyRunner(device, Path.GetFullPath("bench/glue"), Path.GetFullPath(work), Path.GetFullPath(results));
            StudyPart[] parts = [.. StudyPart.All.Where(part => chosen.Count == 0 || chosen.Contains(part.Name))];
            return runner.Run(parts, only, most is null ? int.MaxValue : int.Parse(most, CultureInfo.InvariantCulture), stop.Token)
                ? 0
                : Unfinished;
        }
        catch (Exception exception) when (ErrorSentence.IsForUser(exception))
        {
            Console.Error.WriteLine(ErrorSentence.Of(exception));
            return 1;
        }

        // The first Ctrl-C ends the run after its step, the second the process.
        void Stop(PosixSignalContext context)
        {
            context.Cancel = !stop.IsCancellationRequested;
            stop.Cancel();
        }

        string? Option(string name)
        {
            int at = names.IndexOf(name);
            if (at < 0 || at + 1 >= names.Count)
            {
                return null;
            }

            string value = names[at + 1];
            names.RemoveRange(at, 2);
            return value;
        }
    }
}
