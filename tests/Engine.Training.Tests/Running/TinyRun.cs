using Engine.Tokenizers;
using Engine.Tests;

namespace Engine.Training.Tests.Running;

/// <summary>A run on a tiny random RoBERTa with its own tokenizer and a few sentences, in a folder that is deleted afterwards.</summary>
internal sealed class TinyRun : IDisposable
{
    private static readonly string[] Animals = ["heron", "otter", "badger", "wren", "salmon", "beetle"];
    private static readonly string[] Tools = ["hammer", "chisel", "plane", "saw", "anvil", "rasp"];

    public TinyRun()
    {
        Folder = Directory.CreateTempSubdirectory("engine-run-").FullName;
        string model = Path.Combine(Folder, "model");
        Directory.CreateDirectory(model);
        string[] lines = [.. Sentences().Select(row => row.Sentence)];
        var trainer = new BpeTrainer();
        foreach (string line in lines)
        {
            trainer.AddText(line);
        }

        trainer.Train(300).Save(model);
        System.IO.File.WriteAllText(Path.Combine(model, "config.json"), """
            {
              "architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
              "intermediate_size": 48, "max_position_embeddings": 66, "vocab_size": 300, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0,
              "eos_token_id": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-05, "initializer_range": 0.2,
              "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1
            }
            """);
        TinyWeights.Write(model);
        (string Sentence, string Label)[] rows = [.. Sentences()];
        WriteTable("train.tsv", rows[..40]);
        WriteTable("dev.tsv", rows[40..]);
    }

    public string Folder { get; }

    /// <summary>The path of a file or folder.</summary>
    public string File(string name) => Path.Combine(Folder, name);

    /// <summary>Writes a run file and returns its path.</summary>
    public string WriteRun(
        string output, string extra = "", string method = "{name: flat-lora, rho: 0.1, noise_seed: 7}", string adapter = "")
    {
        string path = Path.Combine(Folder, $"{output}.yaml");
        System.IO.File.WriteAllText(path, $$"""
            model: model
            task: sequence-classification
            output: {{output}}
            method: {{method}}
            adapter: {r: 4, lora_alpha: 8, lora_dropout: 0.1, target_modules: [query, value]{{adapter}}}
            data: {train: train.tsv, validation: dev.tsv, format: tsv, text: sentence, label: label}
            learning_rate: 5.0e-3
            weight_decay: 0.01
            num_train_epochs: 2
            per_device_train_batch_size: 4
            gradient_accumulation_steps: 2
            max_grad_norm: 1.0
            save_steps: 3
            seed: 3
            {{extra}}
            """);
        return path;
    }

    public void WriteTable(string name, IEnumerable<(string Sentence, string Label)> rows) => System.IO.File.WriteAllLines(
        Path.Combine(Folder, name), ["sentence\tlabel", .. rows.Select(row => $"{row.Sentence}\t{row.Label}")]);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static IEnumerable<(string Sentence, string Label)> Sentences()
    {
        for (int i = 0; i < 60; i++)
        {
            bool animal = i % 2 == 0;
            string word = (animal ? Animals : Tools)[i / 2 % 6];
            string rest = string.Join(' ', Enumerable.Range(0, i % 7).Select(j => (i + j) % 3 == 0 ? "quite" : "small"));
            yield return ($"the {rest} {word} number {i}", animal ? "animal" : "tool");
        }
    }
}
