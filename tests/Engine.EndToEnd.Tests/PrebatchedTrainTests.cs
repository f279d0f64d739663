using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine train</c> on the very batches PyTorch was trained on (shared/goldens/trajectories), through a run file.</summary>
public sealed class PrebatchedTrainTests
{
    /// <summary>PyTorch in float32 agrees with the goldens to 3e-7 in losses; the rest is room for another order of summation.</summary>
    private const double LossTolerance = 1e-5;

    [SharedTheory]
    [InlineData("qwen2", "causal-lm", "lora-accumulate2")]
    [InlineData("qwen2", "causal-lm", "lora-clip-cosine")]
    [InlineData("qwen2", "causal-lm", "flat-lora")]
    [InlineData("qwen2", "causal-lm", "full")]
    [InlineData("roberta-cls", "sequence-classification", "flat-lora-accumulate2")]
    public void A_run_on_prebatched_data_has_the_losses_and_weights_of_pytorch(string model, string task, string run)
    {
        string trajectory = SharedFiles.Path($"goldens/trajectories/{model}/{run}");
        JsonNode settings = JsonNode.Parse(File.ReadAllText($"{trajectory}.json"))!;
        bool adapter = Directory.Exists($"{trajectory}.init");
        string method = settings["method"]!.GetValue<string>();
        using TemporaryFolder folder = new();
        string runFile = folder.Write("run.yaml", $$"""
            model: {{SharedFiles.Path($"goldens/models/{model}")}}
            task: {{task}}
            output: out
            data: {train: {{trajectory}}.safetensors, format: prebatched}
            {{(adapter ? $"adapter: {{init: {trajectory}.init}}" : string.Empty)}}
            {{(method == "flat-lora" ? $"method: {{name: flat-lora, rho: {settings["rho"]}, noise_seed: {settings["noise_seed"]}}}" : string.Empty)}}
            learning_rate: {{settings["lr"]}}
            weight_decay: {{settings["weight_decay"]}}
            warmup_steps: {{settings["warmup_steps"]}}
            gradient_accumulation_steps: {{settings["gradient_accumulation"]}}
            loss_average: batches
            max_grad_norm: {{settings["max_grad_norm"]?.ToString() ?? "0"}}
            lr_scheduler_type: {{(settings["schedule"]!.GetValue<string>().Contains("cosine", StringComparison.Ordinal) ? "cosine" : "linear")}}
            """);
        EngineProcess.Run("train", runFile).Succeeded();

        using SafetensorsFile golden = SafetensorsFile.Open($"{trajectory}.safetensors");
        double[] losses = [.. File.ReadLines(folder.File("out/metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("loss").GetDouble())];
        Assert.Equal(golden["losses"].ToFloat64().Length, losses.Length);
        Assert.All(golden["losses"].ToFloat64().Zip(losses), pair => Assert.Equal(1, pair.Second / pair.First, LossTolerance));

        // As in the method's own trajectory tests: 1e-4 of the norm for an adapter, 1e-3 for a whole model, whose key biases have no gradient.
        using SafetensorsFile trained = SafetensorsFile.Open(folder.File(adapter ? "out/adapter/adapter_model.safetensors" : "out/model/model.safetensors"));
        double difference = 0, norm = 0;
        foreach (SafetensorsTensor expected in golden.Tensors.Where(tensor => tensor.Name.StartsWith("final.", StringComparison.Ordinal)))
        {
            string name = expected.Name["final.".Length..];
            double[] actual = trained[adapter ? $"base_model.model.{name}" : name].ToFloat64();
            difference += expected.ToFloat64().Zip(actual, (a, b) => (a - b) * (a - b)).Sum();
            norm += actual.Sum(value => value * value);
        }

        Assert.InRange(Math.Sqrt(difference / norm), 0, adapter ? 1e-4 : 1e-3);
    }
}
