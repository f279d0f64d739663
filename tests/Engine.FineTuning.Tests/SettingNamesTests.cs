using System.Text.RegularExpressions;
using Engine.Common;
using Engine.Common.Keys;
using Engine.Optim.Methods;
using Engine.Tests;
using Engine.Training.Comparing;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Engine.Training.Tests.Running;

namespace Engine.FineTuning.Tests;

/// <summary>Messages of this package name settings as C# has them.</summary>
public sealed partial class SettingNamesTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public void Every_key_of_a_run_file_is_named_by_a_property_that_is_there()
    {
        string[] keys = [.. RunFileReference.Entries.Select(entry => entry.Name)];
        Assert.True(keys.Length > 80, $"{keys.Length} keys");
        Assert.All(keys, key => AssertIsProperty(key, SettingNames.Of(Setting.Of(key))));
    }

    [Theory]
    [InlineData("learning_rate", null, "LearningRate")]
    [InlineData("data.validation_split", null, "Data.ValidationSplit")]
    [InlineData("target_modules", null, "Adapter.TargetModules")]
    [InlineData("noise_seed", null, "NoiseSeed")]
    [InlineData("overwrite_output_dir", "true", "OverwriteOutputDir = true")]
    [InlineData("eval_strategy", "steps", "EvalStrategy = Steps")]
    [InlineData("task", "causal-lm", "Task = CausalLanguageModel")]
    [InlineData("header", "false", "Data.Header = false")]
    [InlineData("data.format", "json", "Data.Format = Json")]
    [InlineData("method", "beamlora", "Method = new BeamLora()")]
    public void Setting_is_a_key_for_run_files_and_a_property_for_programs(string key, string? value, string property)
    {
        var setting = Setting.Of(key, value);

        Assert.Equal(value is null ? key : $"{key}: {value}", $"{setting}");
        using (SettingNames.Use())
        {
            Assert.Equal(property, $"{setting}");
            using (SettingWords.UseKeys())
            {
                Assert.Equal(setting.InRunFile, $"{setting}");
            }

            Assert.Equal(property, $"{setting}");
        }

        Assert.Equal(setting.InRunFile, $"{setting}");
    }

    [Fact]
    public async Task Words_go_with_the_work_and_end_with_it()
    {
        static async Task<string> Work()
        {
            using IDisposable names = SettingNames.Use();
            return await Task.Run(() => $"add an {Setting.Section("adapter")}.");
        }

        Task<string> work = Work();

        Assert.Equal("add an 'adapter:' section.", $"add an {Setting.Section("adapter")}.");
        Assert.Equal("add an Adapter.", await work);
    }

    /// <summary>Messages of the library name settings by way of <see cref="Setting"/>, and only such as there are.</summary>
    [Fact]
    public void Messages_name_settings_that_are_there()
    {
        string[] sources =
        [
            .. new[] { "Engine.Training", "Engine.Optim", "Engine.Model", "Engine.FineTuning" }
                .SelectMany(project => Directory.EnumerateFiles(
                    Repository.Path($"src/{project}"), "*.cs", SearchOption.AllDirectories))
                .Where(path => !path.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)),
        ];
        (string Key, string? Value)[] named =
        [
            .. sources.SelectMany(path => Reference().Matches(File.ReadAllText(path)))
                .Select(found => (found.Groups["key"].Value, found.Groups["value"] is { Success: true, Value: var value } ? value : null))
                .Distinct(),
        ];
        Assert.True(named.Length > 80, $"{named.Length} settings");
        Assert.All(named, setting => AssertIsProperty(setting.Key, SettingNames.Of(Setting.Of(setting.Key))));
        Assert.All(
            named.Where(setting => setting.Value is not (null or "true" or "false") && !char.IsAsciiDigit(setting.Value[0])),
            setting => Assert.DoesNotContain(
                $"= {setting.Value}", SettingNames.Of(Setting.Of(setting.Key, setting.Value)), StringComparison.Ordinal));
    }

    /// <summary>From rules before a training, from within it, and from a folder that holds a run already; type and settings stay.</summary>
    [Fact]
    public async Task Callers_of_FineTune_meet_properties()
    {
        async Task<T> Refused<T>(RunConfiguration run)
            where T : Exception => await Assert.ThrowsAsync<T>(() => FineTune.ClassifierAsync(run, tiny.Labelled("train.tsv")));
        RunConfiguration run = tiny.Run() with { Output = tiny.File("run"), MaxSteps = 1 };
        using (await FineTune.ClassifierAsync(run, tiny.Labelled("train.tsv")))
        {
        }

        Assert.StartsWith(
            "LoadBestModelAtEnd: the best model is found by evaluating: set Data.Validation and EvalStrategy",
            (await Refused<ConfigurationException>(run with { LoadBestModelAtEnd = true })).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "EvalStrategy: there is no Data.Validation to evaluate on",
            (await Refused<ConfigurationException>(run with { EvalStrategy = IntervalStrategy.Epoch })).Message,
            StringComparison.Ordinal);
        TrainingException finished = await Refused<TrainingException>(run);
        Assert.Contains("OverwriteOutputDir = true", finished.Message);
        Assert.Equal(["Overwrite"], finished.Settings);
        ConfigurationException estimated = Assert.Throws<ConfigurationException>(
            () => FineTune.Estimate(run with { Data = new() { Train = tiny.File("train.tsv"), Text = "sentence" } }));
        Assert.Contains("Data.Label", estimated.Message);

        // What reads a run file speaks of its keys.
        string file = tiny.WriteRun("bad", "load_best_model_at_end: 3");
        Assert.Contains("load_best_model_at_end", Assert.Throws<ConfigurationException>(() => RunConfiguration.Load(file)).Message);
    }

    [Fact]
    public async Task Callers_of_CompareAsync_meet_properties()
    {
        RunConfiguration run = tiny.Run() with
        {
            Output = tiny.File("methods"),
            Data = new() { Train = tiny.File("train.tsv"), Text = "sentence", Label = "label" },
            MaxSteps = 1,
        };
        ComparedMethod[] methods = [ComparedMethod.Of("lora", null)];
        async Task<string> Refused<T>(RunConfiguration compared)
            where T : Exception => (await Assert.ThrowsAsync<T>(() => FineTune.CompareAsync(compared, methods, seeds: 1))).Message;

        Assert.Contains(
            "set Data.Validation and EvalStrategy", await Refused<ConfigurationException>(run with { LoadBestModelAtEnd = true }));
        ComparisonReport failed = await FineTune.CompareAsync(
            run with { Output = tiny.File("failed"), Adapter = run.Adapter! with { TargetModules = ["absent"] } }, methods, seeds: 1);
        Assert.Contains("Adapter.TargetModules", Assert.Single(failed.Methods[0].Failed).Reason, StringComparison.Ordinal);
    }

    /// <summary>What opens, merges, measures and evaluates; a run's own file is spoken of by its keys.</summary>
    [Fact]
    public async Task Callers_of_what_a_training_wrote_meet_properties()
    {
        RunConfiguration run = tiny.Run() with { Output = tiny.File("run"), MaxSteps = 1 };
        using TextClassifier classifier = await FineTune.ClassifierAsync(run, tiny.Labelled("train.tsv"));

        ConfigurationException measured = await Assert.ThrowsAsync<ConfigurationException>(
            () => FineTune.MeasureSharpnessAsync([tiny.File("run")], tiny.File("sharpness")));
        Assert.Contains("no Data.Validation of a run", measured.Message, StringComparison.Ordinal);

        string file = tiny.File("run/config.yaml");
        File.WriteAllText(file, File.ReadAllText(file).Replace("max_steps: 1", "max_steps: 0", StringComparison.Ordinal));
        Func<object>[] calls =
        [
            () => TextClassifier.Open(tiny.File("run")), () => TextRegressor.Open(tiny.File("run")),
            () => LanguageModel.Open(tiny.File("run")), () => MaskedLanguageModel.Open(tiny.File("run")),
            () => EngineEmbeddingGenerator.Open(tiny.File("run")), () => FineTune.Merge(tiny.File("run"), tiny.File("merged")),
        ];
        Assert.All(calls, call => Assert.Contains(
            ": max_steps: 0 steps train nothing; expected at least 1, or -1 for num_train_epochs.",
            Assert.Throws<ConfigurationException>(call).Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Notes_of_a_training_name_properties_too()
    {
        var told = new Listener();
        LabelledText[] rows = [.. tiny.Labelled("train.tsv"), new(string.Join(' ', Enumerable.Repeat("the small heron", 40)), "animal")];

        using TextClassifier classifier =
            await FineTune.ClassifierAsync(tiny.Run() with { MaxSteps = 1 }, rows, options: new FineTuneOptions { Progress = told });

        Assert.Contains(
            told.Of<TrainingProgress.Started>().Single().Notes, note => note.Contains("longer than MaxLength (", StringComparison.Ordinal));
    }

    private static void AssertIsProperty(string key, string property)
    {
        Type[] types = [typeof(RunConfiguration)];
        foreach (string part in property.Split('.'))
        {
            // A method's own property is one of its record.
            Type[] searched = types is [var only]
                && (only == typeof(Method) || (only == typeof(RunConfiguration) && only.GetProperty(part) is null))
                ? [.. MethodCatalog.Names.Select(name => MethodCatalog.Create(name).GetType())]
                : types;
            types = [.. searched.Select(type => type.GetProperty(part)?.PropertyType).OfType<Type>().Distinct()
                .Select(type => Nullable.GetUnderlyingType(type) ?? type)];
            Assert.True(types.Length > 0, $"there is no {property} ({key})");
        }
    }

    [GeneratedRegex("""Setting\.(?:Of|Noun|Section)\("(?<key>[^"]+)"(?:, "(?<value>[^"]+)")?\)""")]
    private static partial Regex Reference();
}
