namespace Engine.EndToEnd.Tests;

public sealed class FederateTests
{
    [Fact]
    public void Clients_learn_together_what_the_adapter_then_knows()
    {
        using SmallRun run = new();
        string[] settings =
        [
            "--set", "adapter={r: 8, lora_alpha: 16, target_modules: [query, value]}",
            "--set", "federated={clients: 3, rounds: 3, split: label, aggregation: lora-fair}",
        ];
        EngineResult result = EngineProcess.Run(["federate", run.RunFile, .. settings]).Succeeded();
        Assert.Contains("a step is a round, in which 3 of 3 clients train", result.Output, StringComparison.Ordinal);
        Assert.Contains("step 3/3", result.Output, StringComparison.Ordinal);
        Assert.Equal(3, File.ReadAllLines(run.File("run/metrics.jsonl")).Length);
        Assert.Equal(4, File.ReadAllLines(run.File("run/evaluations.jsonl")).Length);
        EngineProcess.Run("predict", run.File("run"), "my friend loves the soup").Succeeded();

        EngineProcess.Run(["train", run.RunFile, .. settings]).Refused(1, "has a section 'federated:'; engine federate runs it");
        EngineProcess.Run("federate", run.RunFile).Refused(1, "has no section 'federated:'", "keys federated' lists its keys");
    }

    [Fact]
    public void Private_rounds_say_what_they_promise_and_what_is_spent()
    {
        using SmallRun run = new();
        EngineResult result = EngineProcess.Run(
            "federate", run.RunFile,
            "--set", "adapter={r: 8, lora_alpha: 16, target_modules: [query, value]}",
            "--set", "federated={clients: 3, rounds: 1}",
            "--set", "method={name: la-lora, dp_sigma: 2}").Succeeded();
        Assert.Contains("each row's gradient is clipped to 1 and gets noise of 2 times that", result.Output, StringComparison.Ordinal);
        Assert.Matches(@"step 1/1.*epsilon \d+\.\d\d ", result.Output);
        Assert.Contains("\"epsilon\":", File.ReadAllText(run.File("run/metrics.jsonl")), StringComparison.Ordinal);
    }
}
