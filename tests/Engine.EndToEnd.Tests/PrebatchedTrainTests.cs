using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine train</c> on the very batches PyTorch was trained on (goldens/trajectories), through a run file.</summary>
public sealed class PrebatchedTrainTests
{
    /// <summary>PyTorch in float32 agrees with the goldens to 3e-7 in losses; the rest is room for another order of summation.</summary>
    private const double LossTolerance = 1e-5;

    [Theory]
    [InlineData("qwen2", "causal-lm", "lora-accumulate2")]
    [SharedInlineData("qwen2", "causal-lm", "lora-clip-cosine")]
    [SharedInlineData("qwen2", "causal-lm", "flat-lora")]
    [SharedInlineData("qwen2", "causal-lm", "full")]
    [InlineData("roberta-cls", "sequence-classification", "flat-lora-accumulate2")]
    public void A_run_on_prebatched_data_has_the_losses_and_weights_of_pytorch(string model, string task, string run)
    {
        string trajectory = $"goldens/trajectories/{model}/{run}", batches = SharedFiles.Path($"{trajectory}.safetensors");
        JsonNode settings = JsonNode.Parse(File.ReadAllText(SharedFiles.Path($"{trajectory}.json")))!;
        string? adapter = SharedFiles.Find($"{trajectory}.init");
        string method = settings["method"]!.GetValue<string>();
        using TemporaryFolder folder = new();
        string runFile = folder.Write("run.yaml", $$"""
            model: {{SharedFiles.Path($"goldens/models/{model}")}}
            task: {{task}}
            output: out
            data: {train: {{batches}}, format: prebatched}
            {{(adapter is null ? string.Empty : $"adapter: {{init: {adapter}}}")}}
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

        using SafetensorsFile golden = SafetensorsFile.Open(batches);
        double[] losses = [.. File.ReadLines(folder.File("out/metrics.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("loss").GetDouble())];
        Assert.Equal(golden["losses"].ToFloat64().Length, losses.Length);
        Assert.All(golden["losses"].ToFloat64().Zip(losses), pair => Assert.Equal(1, pair.Second / pair.First, LossTolerance));

        // As in the method's own trajectory tests: 1e-4 of the norm for an adapter, 1e-3 for a whole model, whose key biases have no
        // gradient.
        using SafetensorsFile trained =
            SafetensorsFile.Open(folder.File(adapter is null ? "out/model/model.safetensors" : "out/adapter/adapter_model.safetensors"));
        double difference = 0, norm = 0;
        foreach (SafetensorsTensor expected in golden.Tensors.Where(tensor => tensor.Name.StartsWith("final.", StringComparison.Ordinal)))
        {
            string name = expected.Name["final.".Length..];
            double[] actual = trained[adapter is null ? name : $"base_model.model.{name}"].ToFloat64();
            difference += expected.ToFloat64().Zip(actual, (a, b) => (a - b) * (a - b)).Sum();
            norm += actual.Sum(value => value * value);
        }

        Assert.InRange(Math.Sqrt(difference / norm), 0, adapter is null ? 1e-3 : 1e-4);
    }
}
