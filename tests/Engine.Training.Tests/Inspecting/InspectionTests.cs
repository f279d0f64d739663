using Engine.Common.Files;
using Engine.Model.Peft;
using Engine.Training.Inspecting;
using Engine.Training.Running;
using Engine.Training.Tests.Running;

namespace Engine.Training.Tests.Inspecting;

/// <summary>What paths hold, as records.</summary>
public sealed class InspectionTests : IDisposable
{
    private readonly TinyRun run = new();

    public void Dispose() => run.Dispose();

    [Fact]
    public void A_run_says_how_far_it_is_and_what_it_came_to()
    {
        TrainingOutcome outcome = TrainerRuns.Train(run.WriteRun("run"));
        foreach (string path in (string[])[run.File("run"), run.File("run.yaml")])
        {
            RunInspection found = Assert.IsType<RunInspection>(Inspection.Of(path));
            Assert.True(found.Finished);
            Assert.Equal(("flat-lora", outcome.WeightsFolder), (found.Method, found.WeightsFolder));
            Assert.Equal(outcome.Steps, Assert.IsType<long>(found.Summary.Single(entry => entry.Key == "steps").Value));
            Assert.Equal((9L, run.File("run/checkpoint-9")), found.Checkpoints[0]);
            Assert.Null(found.Replacement);
        }

        File.WriteAllText(run.File("run/summary.json"), "[]");
        Assert.Throws<ModelFileException>(() => Inspection.Of(run.File("run")));
    }

    /// <summary>Query and value of two layers of width 32, rank 4: A [4, 32] and B [32, 4].</summary>
    [Fact]
    public void An_adapter_lists_its_layers_and_counts_its_numbers()
    {
        TrainerRuns.Train(run.WriteRun("run", adapter: ", modules_to_save: [classifier]"));
        AdapterInspection found = Assert.IsType<AdapterInspection>(Inspection.Of(run.File("run/adapter")));
        Assert.Equal("LoRA", found.Kind);
        Assert.Equal(4, found.Modules.Count);
        Assert.All(found.Modules, module => Assert.Equal((4, 2.0), (module.Rank, module.Scale)));
        Assert.All(found.Modules, module => Assert.Equal(("[4, 32]", "[32, 4]"), (module.A.ShapeText, module.B.ShapeText)));
        Assert.Equal(
            found.Modules.Select(module => module.Module).Order(StringComparer.Ordinal), found.Modules.Select(module => module.Module));

        // RoBERTa's classification head: dense [32, 32] with bias, out_proj [2, 32] with bias.
        Assert.Equal((4 * 2 * 4 * 32) + (32 * 32) + 32 + (2 * 32) + 2, found.Parameters);
        FileInspection file = Assert.IsType<FileInspection>(Inspection.Of(run.File($"run/adapter/{AdapterFile.WeightsFileName}")));
        Assert.Equal((found.Parameters, 4 * found.Parameters), (file.Totals.Elements, file.Totals.Bytes));
        Assert.Equal(file.Tensors.Count, file.Totals.Tensors);
    }

    [Fact]
    public void A_model_folder_says_what_of_it_cannot_be_used()
    {
        string model = run.File("model");
        ModelInspection whole = Assert.IsType<ModelInspection>(Inspection.Of(model));
        Assert.NotNull(whole.Architecture);
        Assert.Equal(300, whole.Tokenizer!.Tokens);
        Assert.Equal(("<s>", 0), whole.Tokenizer.SpecialTokens[0]);
        Assert.Equal(["model.safetensors"], whole.Weights!.Files);
        Assert.InRange(whole.HeadParameters, 1, whole.Parameters - 1);
        Assert.Equal((null, null, null), (whole.ArchitectureProblem, whole.WeightsProblem, whole.TokenizerProblem));

        foreach (string file in Directory.EnumerateFiles(model).Where(file => Path.GetFileName(file) != "config.json"))
        {
            File.Delete(file);
        }

        ModelInspection bare = Assert.IsType<ModelInspection>(Inspection.Of(model));
        Assert.Equal((null, null), (bare.Weights, bare.Tokenizer));
        Assert.NotNull(bare.WeightsProblem);
        Assert.NotNull(bare.TokenizerProblem);
        Assert.Equal(whole.Parameters, bare.Parameters);
    }

    [Fact]
    public void Other_paths_are_refused_by_name()
    {
        foreach (string path in (string[])[run.Folder, run.File("absent")])
        {
            Assert.StartsWith(path, Assert.Throws<ModelFileException>(() => Inspection.Of(path)).Message, StringComparison.Ordinal);
        }
    }
}
