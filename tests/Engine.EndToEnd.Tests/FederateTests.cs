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
        EngineProcess.Run("federate", run.RunFile).Refused(1, "has no section 'federated:'", "docs/federated.md");
    }
}
