using Engine.Training.Configuration;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine keys</c>: the run file's keys without a page of documentation.</summary>
public sealed class KeysTests
{
    [Fact]
    public void Keys_come_with_what_they_take_their_defaults_and_their_text_without_markdown()
    {
        string output = EngineProcess.Run("keys").Succeeded().Output;

        Assert.All(
            RunFileReference.Entries.Concat(RunFileReference.Methods.SelectMany(method => method.Entries)),
            entry => Assert.Contains($"  {entry.Name}: ", output, StringComparison.Ordinal));
        Assert.DoesNotContain("`", output, StringComparison.Ordinal);
        Assert.DoesNotContain("](", output, StringComparison.Ordinal);
        Assert.Contains(
            "  adapter.r: a whole number of at least 1 and of at most 65536 (default 8)\n      Rank of the update.\n", output,
            StringComparison.Ordinal);
        Assert.Contains("  model: path (required)\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("adapter", "adapter.lora_alpha", "data.text")]
    [InlineData("Flat_LoRA", "method.noise_seed", "adapter.r")]
    [InlineData("batch_size", "per_device_eval_batch_size", "learning_rate")]
    [InlineData("adapter.lora", "adapter.lora_dropout", "adapter.r")]
    [InlineData("tfevents", "report_to", "adapter.r")]
    [InlineData("method", "flat-lora-ggpo", "method.noise_seed")]
    public void A_pattern_is_a_section_a_method_a_part_of_a_name_or_a_word(string pattern, string there, string absent)
    {
        string output = EngineProcess.Run("keys", pattern).Succeeded().Output;
        Assert.Contains(there, output, StringComparison.Ordinal);
        Assert.DoesNotContain($"{absent}: ", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_that_is_nothing_is_answered_with_the_nearest_name()
    {
        EngineProcess.Run("keys", "flat-lroa").Refused(1, "is called 'flat-lroa'", "did you mean 'flat-lora'?");
        EngineProcess.Run("keys", "lerning_rate").Refused(1, "did you mean 'learning_rate'?");
        EngineProcess.Run("keys", "zzzzzz").Refused(1, "No key of the run file, no section and no method is called 'zzzzzz'");
    }

    [Theory]
    [InlineData("zzzzzz: 1", "'engine keys' lists the keys.", "keys")]
    [InlineData("adapter: {zzzzzz: 1}", "'engine keys adapter' lists the keys.", "keys", "adapter")]
    [InlineData("method: {name: sam, zzzzzz: 1}", "'engine keys sam' lists the keys.", "keys", "sam")]
    [InlineData("method: {name: flat-lora, rho: {zzzzzz: 1}}", "'engine keys method.rho' lists the keys.", "keys", "method.rho")]
    public void An_unknown_key_names_the_command_that_lists_those_of_its_section(string line, string hint, params string[] command)
    {
        using Engine.Tests.TemporaryFolder folder = new();
        string run = folder.Write("run.yaml", $"model: m\noutput: o\ndata: {{train: t.tsv, text: a, label: b}}\n{line}\n");
        EngineProcess.Run("train", run).Refused(1, "zzzzzz", hint);
        EngineProcess.Run(command).Succeeded();
    }

    [Fact]
    public void A_run_file_of_the_help_can_be_read()
    {
        string help = EngineProcess.Run("train", "--help").Succeeded().Output;
        string[] lines = help[help.IndexOf("A run file:", StringComparison.Ordinal)..].Split('\n');
        string[] yaml = [.. lines.Skip(1).TakeWhile(line => line.StartsWith("  ", StringComparison.Ordinal)).Select(line => line[2..])];
        Assert.True(yaml.Length > 5, help);
        using Engine.Tests.TemporaryFolder folder = new();
        RunConfiguration run = RunConfiguration.Load(folder.Write("run.yaml", string.Join('\n', yaml)));
        Assert.EndsWith("runs/reviews", run.Output, StringComparison.Ordinal);
        Assert.NotNull(run.Adapter);
    }
}
