using System.Text;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary>
/// A run small enough for a test, with everything made here: a tokenizer trained on the texts, a RoBERTa of two layers with random weights,
/// and texts whose label stands in a single word, which such a model learns in seconds.
/// </summary>
internal sealed class SmallRun : IDisposable
{
    private static readonly string[] Subjects = ["the cat", "a dog", "my friend", "the old man", "her sister", "our neighbour"];
    private static readonly string[] Objects = ["the film", "this book", "that song", "the soup", "every word", "their garden"];

    private readonly TemporaryFolder folder = new();

    public SmallRun()
    {
        folder.Write("train.tsv", Table(seed: 1, rows: 240));
        folder.Write("dev.tsv", Table(seed: 2, rows: 60));
        EngineProcess.Run("train-tokenizer", "--size", "320", "--output", folder.File("model"), folder.File("train.tsv")).Succeeded();
        folder.Write("model/config.json", """
            {
              "architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 2,
              "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 66, "type_vocab_size": 1, "pad_token_id": 1,
              "hidden_act": "gelu", "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "layer_norm_eps": 1e-05
            }
            """);
        TinyWeights.Write(folder.File("model"));
        RunFile = folder.Write("run.yaml", """
            model: model
            task: sequence-classification
            output: run
            data: {train: train.tsv, validation: dev.tsv, format: tsv, header: true, text: sentence, label: label}
            learning_rate: 5.0e-3
            num_train_epochs: 4
            per_device_train_batch_size: 16
            max_length: 32
            seed: 3
            """);
    }

    public string RunFile { get; }

    public string Folder => folder.Root;

    public string File(string name) => folder.File(name);

    public void Dispose() => folder.Dispose();

    private static string Table(int seed, int rows)
    {
        Random random = new(seed);
        StringBuilder text = new("sentence\tlabel\n");
        for (int row = 0; row < rows; row++)
        {
            bool positive = row % 2 == 0;
            text.Append(Subjects[random.Next(Subjects.Length)])
                .Append(positive ? " loves " : " hates ").Append(Objects[random.Next(Objects.Length)]);
            text.Append('\t').Append(positive ? "good" : "bad").Append('\n');
        }

        return text.ToString();
    }
}
