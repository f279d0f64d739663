using System.Globalization;
using Engine.Model.Architectures;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Training.Inspecting;
using Engine.Training.Reports;
using Spectre.Console;

namespace Engine.Cli.Tables;

/// <summary>Writes what a file or a folder holds as facts and tables.</summary>
internal sealed class InspectionView(IAnsiConsole console)
{
    private const int MostSpecialTokens = 8;

    public void Show(Inspection found)
    {
        switch (found)
        {
            case FileInspection file:
                Show(file);
                break;
            case ModelInspection model:
                Show(model);
                break;
            case AdapterInspection adapter:
                Show(adapter);
                break;
            case RunInspection run:
                Show(run);
                break;
        }
    }

    private void Show(FileInspection file)
    {
        FittingTable table = TableStyle.Create("tensor", "type", "shape", ">bytes");
        foreach (TensorEntry tensor in file.Tensors)
        {
            table.Row(tensor.Name, tensor.Type.HeaderName(), tensor.ShapeText, tensor.Bytes.ToString("N0", CultureInfo.InvariantCulture));
        }

        console.Write(table);
        Grid facts = TableStyle.Facts();
        facts.Fact("tensors", Text(file.Totals));
        foreach ((string key, string value) in file.Metadata)
        {
            facts.Fact($"metadata {key}", value);
        }

        console.Write(facts);
    }

    private void Show(ModelInspection model)
    {
        Grid facts = TableStyle.Facts();
        facts.Fact("model_type", model.Config.ModelType);
        facts.Fact("architectures", model.Config.Architectures.Count == 0 ? "not said" : string.Join(", ", model.Config.Architectures));
        AddArchitecture(facts, model);
        AddWeights(facts, model);
        if (model.Tokenizer is not { } tokenizer)
        {
            facts.Fact("tokenizer", model.TokenizerProblem!);
        }
        else
        {
            IEnumerable<string> first = tokenizer.SpecialTokens.Take(MostSpecialTokens).Select(token => $"{token.Token} {token.Id}");
            string special = string.Join(", ", first);
            facts.Fact("tokenizer", Amounts.Of(tokenizer.Tokens, "token"));
            facts.Fact("special tokens", special.Length == 0 ? "none" : special);
        }

        console.Write(facts);
    }

    private static void AddArchitecture(Grid facts, ModelInspection model)
    {
        if (model.Architecture is not { } architecture)
        {
            facts.Fact("cannot be trained", model.ArchitectureProblem!);
            return;
        }

        facts.Fact("read as", architecture.Name);
        facts.Fact("parameters", Invariant($"{model.Parameters:N0} ({model.HeadParameters:N0} of them in the head)"));
        facts.Fact("layers", $"{architecture.NumLayers} of size {architecture.HiddenSize}");
        facts.Fact("vocabulary", Amounts.Of(architecture.VocabularySize, "token"));
        facts.Fact("longest text", Amounts.Of(architecture.MaxLength, "token"));
        facts.Fact("predicts", architecture.Head switch
        {
            HeadKind.Regression => "a number",
            HeadKind.MaskedLm => "masked tokens",
            HeadKind.CausalLm => "the next token",
            HeadKind.QuestionAnswering => "the part of a context that answers a question",
            HeadKind.MultipleChoice => "one of several texts",
            HeadKind.TokenClassification => $"for each word one of {string.Join(", ", model.Config.Labels.Names)}",
            HeadKind.MultiLabelClassification => $"any of {string.Join(", ", model.Config.Labels.Names)}",
            _ => $"one of {string.Join(", ", model.Config.Labels.Names)}",
        });
        foreach (string note in architecture.Head.NamesTokens() ? [] : model.Config.Labels.Notes)
        {
            facts.Fact("note", note);
        }
    }

    private static void AddWeights(Grid facts, ModelInspection model)
    {
        if (model.Weights is not { } weights)
        {
            facts.Fact("weights", model.WeightsProblem!);
            return;
        }

        facts.Fact("weights", weights.Files.Count == 1 ? weights.Files[0] : Amounts.Of(weights.Files.Count, "shard"));
        facts.Fact("tensors", Text(weights.Totals));
        if (weights.Storage is { } storage)
        {
            facts.Fact("dtype", $"frozen matrices are kept as {Model.WeightTypes.Name(storage)}");
        }
        else
        {
            facts.Fact("cannot be loaded", weights.Quantized!);
        }
    }

    private void Show(AdapterInspection adapter)
    {
        AdapterConfig config = adapter.Config;
        string rowsOfTokens = adapter.TokenRows.Count > 0 ? $", rows of single tokens in {adapter.TokenRows.Count}" : "";
        string layers = Amounts.Of(adapter.Modules.Count, "adapted layer"), saved = Amounts.Of(adapter.SavedWhole.Count, "tensor");
        Grid facts = TableStyle.Facts();
        facts.Fact("adapter", adapter.Kind);
        facts.Fact("rank", Invariant($"r {config.Rank}, lora_alpha {config.LoraAlpha}, lora_dropout {config.LoraDropout}"));
        facts.Fact("target_modules", config.TargetModules?.ToString() ?? "PEFT's choice for the model type");
        facts.Fact("task_type", config.TaskType ?? "none");
        facts.Fact("trained on", config.BaseModelNameOrPath ?? "not said");
        facts.Fact("parameters", Invariant($"{adapter.Parameters:N0} in {layers} and {saved} saved whole{rowsOfTokens}"));
        console.Write(facts);

        FittingTable table = TableStyle.Create("module", ">rank", ">scale", "A", "B");
        foreach (AdaptedModule module in adapter.Modules)
        {
            string rank = Invariant($"{module.Rank}"), scale = Invariant($"{module.Scale:0.####}");
            table.Row(module.Module, rank, scale, module.A.ShapeText, module.B.ShapeText);
        }

        console.Write(table);
        ShowTensors("tensor", adapter.FormTensors);
        ShowTensors("saved whole", adapter.SavedWhole);
        ShowTensors("rows of tokens (trainable_token_indices)", adapter.TokenRows);
    }

    private void ShowTensors(string heading, IReadOnlyList<TensorEntry> tensors)
    {
        if (tensors.Count == 0)
        {
            return;
        }

        FittingTable table = TableStyle.Create(heading, "type", "shape");
        foreach (TensorEntry tensor in tensors)
        {
            table.Row(tensor.Name, tensor.Type.HeaderName(), tensor.ShapeText);
        }

        console.Write(table);
    }

    private void Show(RunInspection run)
    {
        Grid facts = TableStyle.Facts();
        facts.Fact("model", run.Run.Model);
        facts.Fact("training data", run.Run.Data.Train.ToString());
        facts.Fact("method", run.Method);
        facts.Fact("trains", run.Run.Adapter is null ? "every parameter" : "an adapter");
        facts.Fact("dtype", run.Run.Dtype.ToString().ToLowerInvariant());
        if (run.Checkpoints is [(long step, string newest), ..])
        {
            facts.Fact("newest checkpoint", $"{newest} (step {step}; {run.Checkpoints.Count} kept)");
        }

        facts.Fact("weights", run.WeightsFolder ?? "none yet");
        facts.Fact("state", run.Finished ? "finished" : "not finished");
        if (run.Replacement is var (folder, reached, latest))
        {
            facts.Fact("to take its place", $"an unfinished run in {folder}, newest checkpoint {latest} (step {reached})");
        }

        console.Write(facts);
        if (run.Finished)
        {
            FittingTable table = TableStyle.Create("summary", ">value");
            foreach ((string name, object value) in run.Summary)
            {
                table.Row(name, value switch
                {
                    long whole => Invariant($"{whole:N0}"),
                    double number => Amounts.Number(number),
                    _ => value.ToString()!,
                });
            }

            console.Write(table);
        }
    }

    /// <summary>How many tensors of which types and how many bytes.</summary>
    private static string Text(TensorTotals totals)
    {
        IEnumerable<string> types = totals.Types.Select(entry => $"{entry.Tensors} {entry.Type.HeaderName()}");
        return $"{totals.Tensors} ({string.Join(", ", types)}), {Amounts.Count(totals.Elements)} elements, {Amounts.Bytes(totals.Bytes)}";
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
