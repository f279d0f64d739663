using Engine.Safetensors;

namespace Engine.Tests.Safetensors;

/// <summary>The goldens that the repository holds are the files of ../shared, or a part of them (tests/goldens/README.md).</summary>
public sealed class GoldenCopiesTests
{
    /// <summary>Folders of published tokenizers: here without the models' weights, in ../shared among their models.</summary>
    private static readonly (string Here, string There)[] Moved =
    [
        ("goldens/tokenizers/roberta-base/", "data/roberta-base-tokenizer/"),
        ("goldens/tokenizers/all-MiniLM-L6-v2/", "data/models/all-MiniLM-L6-v2/"),
    ];

    [SharedFact]
    public void Each_tensor_line_and_file_is_that_of_the_whole_goldens()
    {
        int files = 0;
        foreach (string file in SharedFiles.InRepository().Where(file => !file.EndsWith(".md", StringComparison.Ordinal)))
        {
            string whole = Path.Combine(
                SharedFiles.Root!, Moved.Aggregate(file, (path, pair) => path.Replace(pair.Here, pair.There, StringComparison.Ordinal)));
            byte[] here = File.ReadAllBytes(SharedFiles.Path(file)), there = File.ReadAllBytes(whole);
            if (!here.AsSpan().SequenceEqual(there))
            {
                RequirePart(file, SharedFiles.Path(file), whole);
            }

            files++;
        }

        Assert.True(files > 100, $"the repository holds {files} files of goldens");
    }

    /// <summary>A clone brings them all: tests/goldens/README.md sets this bound.</summary>
    [Fact]
    public void Goldens_of_the_repository_stay_below_twelve_megabytes()
    {
        const long Most = 12 << 20;
        long bytes = Directory.EnumerateFiles(Repository.Path("tests/goldens"), "*", SearchOption.AllDirectories)
            .Sum(file => new FileInfo(file).Length);
        Assert.InRange(bytes, 1 << 20, Most);
    }

    private static void RequirePart(string name, string part, string whole)
    {
        if (Path.GetExtension(name) == ".safetensors")
        {
            using SafetensorsFile here = SafetensorsFile.Open(part), there = SafetensorsFile.Open(whole);
            Assert.All(
                here.Tensors, tensor => Assert.Equal(there[tensor.Name].RequireShape([.. tensor.Shape]).ToFloat64(), tensor.ToFloat64()));
            return;
        }

        Assert.True(Path.GetExtension(name) == ".jsonl", $"{name} is not the file of ../shared");
        Assert.Subset(File.ReadLines(whole).ToHashSet(), File.ReadLines(part).ToHashSet());
    }
}
