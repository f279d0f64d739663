using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using Engine.Devices;
using Engine.GpuSuite;

// Engine.GpuSuite DEVICE SUITE SECONDS FILE: runs the tests of a device (cuda, opencl, cpu) from a suite (device, operator, golden,
// trajectory) for so many seconds at most, and adds a JSON line to the file. 0 where all passed, 1 where one failed or the time ran out, 2
// where the device is not there.
if (args is not [var id, var suite, var limit, var file] || !int.TryParse(limit, out int seconds) || !TestSuites.All.ContainsKey(suite))
{
    Console.Error.WriteLine($"Engine.GpuSuite DEVICE SUITE SECONDS FILE; the suites are {string.Join(", ", TestSuites.All.Keys)}.");
    return 2;
}

// The tests' devices read it when they are first asked for.
Environment.SetEnvironmentVariable("ENGINE_TEST_DEVICES", id);
Device device;
try
{
    // Open for the whole run: each test opens the card anew, and the driver's context would come and go with it.
    device = DeviceCatalog.Open(id);
}
catch (DeviceException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}

long start = Stopwatch.GetTimestamp();
SuiteResult result = TestSuites.Run(suite, id, TimeSpan.FromSeconds(seconds));
File.AppendAllText(file, JsonSerializer.Serialize(new
{
    commit = Assembly.GetExecutingAssembly()
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+').Last(),
    device = device.ToString(),
    driver = device.Info.Driver,
    products = device.Info.Products,
    suite,
    passed = result.Passed,
    failed = result.Failures.Count,
    skipped = result.Skipped,
    not_run = result.NotRun,
    seconds = Math.Round(Stopwatch.GetElapsedTime(start).TotalSeconds, 1),
    failures = result.Failures.Take(20).Select(failure => new { test = failure.Test, message = failure.Message }),
}) + "\n");
Console.Error.WriteLine(
    $"{id} {suite}: {result.Passed} passed, {result.Failures.Count} failed, {result.Skipped} skipped, {result.NotRun} not run");
foreach ((string test, string message) in result.Failures.Take(5))
{
    Console.Error.WriteLine($"  {test}: {message}");
}

// Not by returning: where the time ran out, tests still run and use the device.
Environment.Exit(result is { Passed: > 0, Failures.Count: 0, NotRun: 0 } ? 0 : 1);
return 0;
