using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Engine.GpuSuite;

/// <summary>How a suite ended.</summary>
/// <param name="NotRun">Tests for which there was no time.</param>
internal sealed record SuiteResult(int Passed, int Skipped, int NotRun, IReadOnlyList<(string Test, string Message)> Failures);

/// <summary>The tests that are stamped over devices, and their rows of one device, run by xunit's own framework.</summary>
internal static class TestSuites
{
    /// <summary>Test assemblies of each suite, and the test classes whose names begin so; none: all.</summary>
    public static IReadOnlyDictionary<string,
        (string Assembly, string[] Classes)[]> All
    { get; } = new Dictionary<string, (string, string[])[]>
    {
        ["device"] = [("Engine.Devices.Tests", []), ("Engine.Compiler.Tests", [])],
        ["operator"] = [("Engine.Kernels.Tests", []), ("Engine.Graph.Tests", [])],
        ["golden"] = [("Engine.EndToEnd.Tests", ["ForwardTests"]), ("Engine.Model.Tests", ["GoldenModelTests", "WeightStorageTests"])],
        ["trajectory"] = [("Engine.Optim.Tests", ["TrajectoryTests", "AdapterMethodTrajectoryTests", "WeightStorageTests"])],
    };

    /// <summary>Runs a suite's tests of a device. When the time is up, what runs is left to itself: the process is to end then.</summary>
    public static SuiteResult Run(string suite, string device, TimeSpan limit)
    {
        long start = Stopwatch.GetTimestamp();
        var results = new Results();
        (Assembly Assembly, ITestCase[] Tests)[] work =
            [.. All[suite].Select(part => (Assembly.Load(part.Assembly), Find(part.Assembly, part.Classes, device)))];
        results.Expect(work.Sum(part => part.Tests.Length));
        foreach ((Assembly assembly, ITestCase[] tests) in work)
        {
            ITestFrameworkExecutor executor = new XunitTestFramework(results).GetExecutor(assembly.GetName());
            executor.RunTests(tests, results, new Options());
            TimeSpan left = limit - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || !results.Finished.WaitOne(left))
            {
                break;
            }
        }

        return results.Sum();
    }

    /// <summary>
    /// A row of this device, with its vendor's products too; or a theory whose rows xunit cannot count beforehand, which
    /// ENGINE_TEST_DEVICES limits to the device.
    /// </summary>
    private static bool IsOf(string device, ITestCase test) => test.TestMethodArguments is { } arguments
        ? Array.Exists(
            arguments, argument => argument is string text && (text == device || text == device + ":0" || text == device + "-vendor"))
        : test is XunitTheoryTestCase;

    private static ITestCase[] Find(string assembly, string[] classes, string device)
    {
        var found = new Discovery();
        using ITestFrameworkDiscoverer discoverer = new XunitTestFramework(found).GetDiscoverer(Reflector.Wrap(Assembly.Load(assembly)));
        discoverer.Find(false, found, new Options());
        found.Finished.Wait();
        return [.. found.Tests.Where(test => IsOf(device, test) && IsIn(classes, test.TestMethod.TestClass.Class.Name))];
    }

    private static bool IsIn(string[] classes, string name) =>
        classes.Length == 0 || Array.Exists(classes, wanted => name.EndsWith("." + wanted, StringComparison.Ordinal));

    private sealed class Discovery : LongLivedMarshalByRefObject, IMessageSink
    {
        public ConcurrentQueue<ITestCase> Tests { get; } = [];

        public ManualResetEventSlim Finished { get; } = new();

        public bool OnMessage(IMessageSinkMessage message)
        {
            if (message is ITestCaseDiscoveryMessage discovered)
            {
                Tests.Enqueue(discovered.TestCase);
            }
            else if (message is IDiscoveryCompleteMessage)
            {
                Finished.Set();
            }

            return true;
        }
    }

    /// <summary>Counts results.</summary>
    private sealed class Results : LongLivedMarshalByRefObject, IMessageSink
    {
        private readonly ConcurrentQueue<(string Test, string Message)> failures = [];
        private int passed, skipped, expected;

        /// <summary>Set at the end of each assembly.</summary>
        public AutoResetEvent Finished { get; } = new(false);

        public void Expect(int count) => expected += count;

        public SuiteResult Sum()
        {
            (string, string)[] failed = [.. failures];
            return new SuiteResult(passed, skipped, Math.Max(0, expected - passed - skipped - failed.Length), failed);
        }

        public bool OnMessage(IMessageSinkMessage message)
        {
            switch (message)
            {
                case ITestPassed:
                    Interlocked.Increment(ref passed);
                    break;
                case ITestSkipped:
                    Interlocked.Increment(ref skipped);
                    break;
                case ITestFailed failed:
                    failures.Enqueue((failed.Test.DisplayName, Line(failed.Messages)));
                    break;
                case ITestCaseFinished finished:
                    // A theory whose rows could not be counted was expected as one.
                    Interlocked.Add(ref expected, finished.TestsRun - 1);
                    break;
                case IErrorMessage error:
                    failures.Enqueue(("(xunit)", Line(error.Messages)));
                    break;
                case ITestAssemblyFinished:
                    Finished.Set();
                    break;
            }

            return true;
        }

        /// <summary>A message in one line that is not too long.</summary>
        private static string Line(string[] messages)
        {
            string line = string.Join(' ', messages).Replace('\n', ' ');
            return line.Length > 400 ? line[..400] : line;
        }
    }

    /// <summary>xunit's settings, all at their defaults.</summary>
    private sealed class Options : ITestFrameworkDiscoveryOptions, ITestFrameworkExecutionOptions
    {
        private readonly Dictionary<string, object?> values = [];

        public TValue GetValue<TValue>(string name) => values.TryGetValue(name, out object? value) ? (TValue)value! : default!;

        public void SetValue<TValue>(string name, TValue value) => values[name] = value;
    }
}
