using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Engine.Devices.Cpu;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;
using Engine.Model.Loading;

namespace Engine.Bench;

/// <summary>
/// From the start of a cold process to the first line of its metrics.jsonl, for runs of three epochs over short texts: a classifier and a
/// masked language model on models/tiny-roberta, and a decoder of two layers with the same tokenizer, its samples in batches and packed,
/// and as conversations by the folder's template. The aim is 1.5 s for 2,000 samples and 5 s for 200,000.
/// On a device that compiles kernels an uncounted run before fills the caches: what is timed is a start beside a warm cache.
/// </summary>
internal static class StartBench
{
    private const int Rounds = 3;
    private const string Config = """
        {
          "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 6400, "hidden_size": 64,
          "num_hidden_layers": 2, "num_attention_heads": 4,
          "num_key_value_heads": 2, "intermediate_size": 128, "max_position_embeddings": 512, "hidden_act": "silu",
          "rms_norm_eps": 1e-06, "rope_theta": 10000.0,
          "tie_word_embeddings": true
        }
        """;

    private const string Template = """
        {%- for message in messages %}
            {{- '<s>' + message.role + '\n' + message.content | trim + '</s>\n' }}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<s>assistant\n' }}
        {%- endif %}
        """;

    private static readonly (string Name, string Task, string Model, string Modules, string Data, string Extra)[] Cases =
    [
        ("classification", "sequence-classification", "roberta", "[query, value]",
            "{train: FILE, format: tsv, text: sentence, label: label}", ""),
        ("masked-lm", "masked-lm", "roberta", "[query, value]", "{train: FILE, format: text, line_by_line: true}", ""),
        ("causal-lm", "causal-lm", "decoder", "[q_proj, v_proj]", "{train: FILE}", ""),
        ("causal-lm, packed", "causal-lm", "decoder", "[q_proj, v_proj]", "{train: FILE}", "packing: true"),
        ("causal-lm, conversations", "causal-lm", "decoder", "[q_proj, v_proj]", "{train: FILE}", "chat_template: tokenizer"),
    ];

    /// <param name="engine">engine.dll; null: the one that <c>dotnet publish src/Engine.Cli</c> makes of this checkout.</param>
    /// <param name="device">The run files' device.</param>
    public static void Run(string? engine, string device)
    {
        string root = Root();
        string folder = Directory.CreateTempSubdirectory("engine-start-").FullName;
        try
        {
            engine = engine is null ? Publish(root, Path.Combine(folder, "program")) : Path.GetFullPath(engine);
            if (!File.Exists(engine))
            {
                throw new FileNotFoundException(
                    $"There is no {engine}; name an engine.dll behind start, or nothing, to publish this checkout's.");
            }

            Directory.CreateSymbolicLink(Path.Combine(folder, "roberta"), Path.Combine(root, "models", "tiny-roberta"));
            WriteDecoder(Path.Combine(folder, "decoder"), Path.Combine(root, "models", "tiny-roberta"));
            foreach (int samples in (int[])[2_000, 200_000])
            {
                WriteData(folder, samples);
                foreach ((string name, string task, string model, string modules, string data, string extra) in Cases)
                {
                    string file = task switch { "sequence-classification" => "train.tsv", "masked-lm" => "train.txt", _ => "train.jsonl" };
                    File.WriteAllText(Path.Combine(folder, "run.yaml"), $$"""
                        model: {{model}}
                        task: {{task}}
                        output: run
                        adapter: {r: 8, lora_alpha: 16, target_modules: {{modules}}}
                        data: {{data.Replace("FILE", file, StringComparison.Ordinal)}}
                        num_train_epochs: 3
                        per_device_train_batch_size: 8
                        max_length: 128
                        device: {{device}}
                        {{extra}}
                        """);
                    if (device != "cpu")
                    {
                        FirstLine(engine, folder);
                    }

                    (double Seconds, double Work)[] rounds =
                        [.. Enumerable.Range(0, Rounds).Select(_ => FirstLine(engine, folder)).Order()];
                    Console.WriteLine(JsonSerializer.Serialize(new
                    {
                        commit = Measurement.Commit,
                        benchmark = "start",
                        run = name,
                        device,
                        samples,
                        seconds = Math.Round(rounds[0].Seconds, 2),
                        median_seconds = Math.Round(rounds[Rounds / 2].Seconds, 2),
                        processor_seconds = Math.Round(rounds.Min(round => round.Work), 2),
                        processors = Environment.ProcessorCount,
                    }));
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Publish(string root, string target)
    {
        ProcessStartInfo info = new(
            "dotnet", ["publish", Path.Combine(root, "src", "Engine.Cli"), "-c", "Release", "-o", target])
        {
            RedirectStandardOutput = true
        };
        using Process process = Process.Start(info)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? Path.Combine(target, "engine.dll")
            : throw new InvalidOperationException($"dotnet publish failed:\n{output}");
    }

    /// <summary>Seconds until the first line, and the processor time that went into it.</summary>
    private static (double Seconds, double Work) FirstLine(string engine, string folder)
    {
        string metrics = Path.Combine(folder, "run", "metrics.jsonl");
        if (Directory.Exists(Path.Combine(folder, "run")))
        {
            Directory.Delete(Path.Combine(folder, "run"), recursive: true);
        }

        long start = Stopwatch.GetTimestamp();
        ProcessStartInfo info = new("dotnet", [engine, "train", "run.yaml"]) { WorkingDirectory = folder, RedirectStandardOutput = true };
        info.Environment["ENGINE_CACHE"] = Path.Combine(folder, "programs");
        using Process process = Process.Start(info)!;
        while (!File.Exists(metrics) || new FileInfo(metrics).Length == 0)
        {
            if (process.HasExited)
            {
                throw new InvalidOperationException($"engine train ended with exit code {process.ExitCode} before its first step.");
            }

            Thread.Sleep(2);
        }

        (double, double) result = (Stopwatch.GetElapsedTime(start).TotalSeconds, process.TotalProcessorTime.TotalSeconds);
        process.Kill();
        process.WaitForExit();
        return result;
    }

    private static void WriteDecoder(string target, string tokenizer)
    {
        Directory.CreateDirectory(target);
        foreach (string file in (string[])["tokenizer.json", "tokenizer_config.json"])
        {
            File.Copy(Path.Combine(tokenizer, file), Path.Combine(target, file));
        }

        File.WriteAllText(Path.Combine(target, "chat_template.jinja"), Template);
        File.WriteAllText(Path.Combine(target, "config.json"), Config);
        using var device = new CpuDevice();
        using var model = new TransformerModel(new CausalDecoder(DecoderConfig.From(ModelConfig.Parse(Config))), new Tuning.Frozen());
        model.Allocate(device);
        RandomWeights.Fill(model);
        ModelWeights.Save(model, Path.Combine(target, "model.safetensors"));
    }

    /// <summary>Texts of 3 to 24 words, the same ones every time.</summary>
    private static void WriteData(string folder, int samples)
    {
        var random = new Random(1);
        string[] words = [.. Enumerable.Range(0, 3000)
            .Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 5)).Select(_ => Syllable(random))))];
        using StreamWriter table = new(Path.Combine(folder, "train.tsv")), lines = new(Path.Combine(folder, "train.txt")),
            records = new(Path.Combine(folder, "train.jsonl"));
        table.WriteLine("sentence\tlabel");
        for (int i = 0; i < samples; i++)
        {
            string text = string.Join(' ', Enumerable.Range(0, random.Next(3, 25)).Select(_ => words[random.Next(words.Length)]));
            string answer = words[random.Next(words.Length)];
            table.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{text}\tclass {random.Next(3)}"));
            lines.WriteLine(text);
            records.WriteLine(JsonSerializer.Serialize(new { prompt = text + " ", completion = answer }));
        }
    }

    private static string Syllable(Random random) => $"{"bdfgklmnprst"[random.Next(12)]}{"aeiou"[random.Next(5)]}";

    /// <summary>The checkout this program was built in.</summary>
    private static string Root()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Engine.sln")))
            {
                return folder;
            }
        }

        throw new DirectoryNotFoundException($"There is no Engine.sln above {AppContext.BaseDirectory}; start runs from a checkout.");
    }
}
