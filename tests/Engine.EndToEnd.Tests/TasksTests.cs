namespace Engine.EndToEnd.Tests;

public sealed class TasksTests
{
    [Fact]
    public void A_run_of_tasks_ends_with_the_accuracies_after_each()
    {
        using SmallRun run = new();
        foreach (string table in (string[])["train.tsv", "dev.tsv"])
        {
            // What the sentence is about parts each of the two classes.
            string[] lines = File.ReadAllLines(run.File(table));
            File.WriteAllLines(run.File(table), [lines[0], .. lines[1..].Select(line => line.Contains("garden", StringComparison.Ordinal)
                || line.Contains("soup", StringComparison.Ordinal) ? $"{line}-home" : line)]);
        }

        string[] settings =
        [
            "--set", "adapter={r: 4, lora_alpha: 4, target_modules: [query, value]}",
            "--set", "method=sd-lora",
            "--set", "tasks=[[good, bad], [good-home, bad-home]]",
        ];
        EngineResult result = EngineProcess.Run(["train", run.RunFile, .. settings]).Succeeded();
        Assert.Contains("2 tasks, one after another: task 1 (good, bad)", result.Output, StringComparison.Ordinal);
        Assert.Contains("after task", result.Output, StringComparison.Ordinal);
        Assert.Matches("average accuracy [01][.][0-9]+, anytime [01][.][0-9]+, forgetting -?[01][.][0-9]+", result.Output);
        EngineProcess.Run("predict", run.File("run"), "my friend loves the soup").Succeeded();
        EngineProcess.Run("merge", run.File("run"), "--output", run.File("merged")).Succeeded();
        EngineResult estimate = EngineProcess.Run(["estimate", run.RunFile, .. settings]).Succeeded();
        Assert.Contains("one task after another, 2 in all", estimate.Output, StringComparison.Ordinal);
    }
}
