using System.Reflection;
using Engine.Common;
using Engine.Common.Files;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Engine.Training.Tests.Running;

namespace Engine.FineTuning.Tests;

/// <summary>Messages of this package name settings as C# has them.</summary>
public sealed class SettingNamesTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public void Every_key_of_a_run_file_is_named_by_a_property_that_is_there()
    {
        string[] keys = [.. RunFileReference.Entries.Select(entry => entry.Name).Where(name => name.IndexOfAny(['.', '_']) > 0)];
        Assert.True(keys.Length > 60, $"{keys.Length} keys");
        Assert.All(keys, key =>
        {
            string property = SettingNames.In($"lower {key}.")["lower ".Length..^1];
            Type type = typeof(RunConfiguration);
            foreach (string part in property.Split('.'))
            {
                PropertyInfo found = type.GetProperty(part) ?? throw new InvalidOperationException($"{type.Name} has no {part} ({key})");
                type = Nullable.GetUnderlyingType(found.PropertyType) ?? found.PropertyType;
            }
        });
    }

    [Theory]
    [InlineData("learning_rate is '-1'; expected a finite number.", "LearningRate is '-1'; expected a finite number.")]
    [InlineData("'data' is missing. The data.", "Data is missing. The data.")]
    [InlineData("tasks: only sequence-classification has classes", "Tasks: only sequence-classification has classes")]
    [InlineData(
        "data.validation_split: data.validation names the data, so that none is held out of data.train; leave out one of the two.",
        "Data.ValidationSplit: Data.Validation names the data, so that none is held out of Data.Train; leave out one of the two.")]
    [InlineData("let it give way (overwrite_output_dir: true), or", "let it give way (OverwriteOutputDir = true), or")]
    [InlineData("it is read with eval_strategy: steps only.", "it is read with EvalStrategy = Steps only.")]
    [InlineData("it is for task: causal-lm with texts", "it is for Task = CausalLanguageModel with texts")]
    [InlineData("with header: false columns have no names", "with Data.Header = false columns have no names")]
    [InlineData("add an 'adapter:' section.", "add an Adapter.")]
    [InlineData("method.rho is '-1'", "Method.Rho is '-1'")]
    [InlineData("noise_seed is the default", "NoiseSeed is the default")]
    [InlineData("target_modules query matches no linear layer", "Adapter.TargetModules query matches no linear layer")]
    [InlineData("set adapter.use_dora: true", "set Adapter.UseDora = true")]
    [InlineData("the seed is 3, and the output: a text", "the seed is 3, and the output: a text")]
    [InlineData("/runs/max_length/a.txt, max_length.txt and --max_length", "/runs/max_length/a.txt, max_length.txt and --max_length")]
    [InlineData("eval_f1 and steps_per_second", "eval_f1 and steps_per_second")]
    public void Keys_are_replaced_and_other_words_stay(string message, string expected) =>
        Assert.Equal(expected, SettingNames.In(message));

    [Fact]
    public void Files_of_models_keep_the_names_of_their_own_settings()
    {
        var error = new ModelFileException("/m", "chat_template is no text, and target_modules no list; set from_scratch: true.");

        Exception? worded = new CallersWords().Of(error);

        Assert.Equal("/m: chat_template is no text, and target_modules no list; set FromScratch = true.", worded!.Message);
        Assert.Equal("/m", Assert.IsType<ModelFileException>(worded).FilePath);
        Assert.Null(new CallersWords().Of(new ModelFileException("/m", "there is no such folder.")));
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
    public async Task Notes_of_a_training_name_properties_too()
    {
        var told = new Listener();
        LabelledText[] rows = [.. tiny.Labelled("train.tsv"), new(string.Join(' ', Enumerable.Repeat("the small heron", 40)), "animal")];

        using TextClassifier classifier =
            await FineTune.ClassifierAsync(tiny.Run() with { MaxSteps = 1 }, rows, options: new FineTuneOptions { Progress = told });

        Assert.Contains(
            told.Of<TrainingProgress.Started>().Single().Notes, note => note.Contains("longer than MaxLength (", StringComparison.Ordinal));
    }
}
