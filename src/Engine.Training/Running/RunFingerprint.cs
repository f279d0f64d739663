using System.Security.Cryptography;
using Engine.Model;
using Engine.Model.Peft;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>
/// What a run computes from: the settings that decide it and the content of every file it reads. A run resumes only where all of it is as
/// it was; where the files lie, where the run goes, how often it saves and reports and what it computes again instead of keeping may
/// change. A file that a method only starts from may be gone: a checkpoint holds what became of it.
/// </summary>
/// <param name="Settings">The decisive settings as YAML, without paths.</param>
/// <param name="Files">Length and hash of each file by what it is to the run, such as <c>data.train</c> or
/// <c>model/config.json</c>.</param>
internal sealed record RunFingerprint(string Settings, SortedDictionary<string, string> Files)
{
    // Weights above this are hashed by samples: reading all of a large model would cost more than a short run.
    private const long HashedWhole = 64L << 20;
    private const int PieceBytes = 1 << 16;
    private const int SampleDistance = 1 << 20;
    private const string MethodPrefix = "method.";

    /// <summary>Reads the run's files; weights over 64 MiB by 64 KiB of every MiB.</summary>
    public static RunFingerprint Of(RunConfiguration run, ModelFolder model)
    {
        run = run.Resolve();
        RunConfiguration decisive = run with
        {
            Model = string.Empty,
            Output = string.Empty,
            OverwriteOutputDir = false,
            Device = null,
            Products = null,
            SaveSteps = 1,
            SaveStrategy = IntervalStrategy.No,
            SaveTotalLimit = null,
            LoggingSteps = 1,
            ReportTo = null,
            GradientCheckpointing = false,
            Data = run.Data with { Train = string.Empty, Validation = run.Data.Validation is null ? null : (DataFiles)string.Empty },
            Adapter = run.Adapter is { } adapter ? adapter with { Init = adapter.Init is null ? null : string.Empty } : null,
            Method = MethodPaths.Change(run.Method, (_, _) => string.Empty),
        };
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((string key, DataFiles? set) in new[] { ("data.train", run.Data.Train), ("data.validation", run.Data.Validation) })
        {
            for (int i = 0; i < (set?.Paths.Count ?? 0); i++)
            {
                files[set!.Paths.Count == 1 ? key : $"{key}[{i}]"] = Hash(set.Paths[i], sampled: false);
            }
        }

        foreach (string name in model.Files)
        {
            files[$"model/{name}"] = Hash(Path.Combine(model.FolderPath, name), sampled: true);
        }

        if (run.Adapter?.Init is { } start)
        {
            foreach (string name in (ReadOnlySpan<string>)[AdapterConfig.FileName, AdapterFile.WeightsFileName])
            {
                files[$"adapter.init/{name}"] = Hash(Path.Combine(start, name), sampled: true);
            }
        }

        foreach ((string key, string path) in MethodPaths.Of(run.Method))
        {
            if (File.Exists(path))
            {
                files[key] = Hash(path, sampled: true);
            }
        }

        return new RunFingerprint(decisive.ToYaml(), files);
    }

    /// <summary>What is otherwise now, in words; null where nothing is.</summary>
    public string? Difference(RunFingerprint now)
    {
        List<string> differences = [];
        foreach (string name in Files.Keys.Union(now.Files.Keys))
        {
            bool wasThere = Files.TryGetValue(name, out string? before), isThere = now.Files.TryGetValue(name, out string? present);
            if (wasThere != isThere && !name.StartsWith(MethodPrefix, StringComparison.Ordinal))
            {
                differences.Add($"{name} is {(isThere ? "new" : "gone")}");
            }
            else if (wasThere && isThere && present != before)
            {
                differences.Add($"the content of {name} has changed");
            }
        }

        string[] then = Settings.Split('\n'), lines = now.Settings.Split('\n');
        differences.AddRange(then.Except(lines).Select(line => $"the settings had '{line.Trim()}'"));
        differences.AddRange(lines.Except(then).Select(line => $"the settings now have '{line.Trim()}'"));
        return differences.Count == 0
            ? Settings == now.Settings ? null : "the settings stand in another order"
            : string.Join("; ", differences);
    }

    private static string Hash(string path, bool sampled)
    {
        var info = new FileInfo(path);
        if (info.Length == 0)
        {
            // A pipe has no length and cannot be read a second time.
            return "0";
        }

        using FileStream file = info.OpenRead();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] piece = new byte[PieceBytes];
        long distance = sampled && file.Length > HashedWhole ? SampleDistance : PieceBytes;
        for (long at = 0; at < file.Length; at += distance)
        {
            file.Position = at;
            hash.AppendData(piece, 0, file.ReadAtLeast(piece, PieceBytes, throwOnEndOfStream: false));
        }

        return $"{file.Length} {Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }
}
