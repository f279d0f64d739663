using Engine.Common.Files;
using Engine.Model.Batching;
using Engine.Tests;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Tests.Data;

/// <summary>Folders and patterns of data files.</summary>
public sealed class DataFileSearchTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_folder_is_its_data_files_in_ordinal_order()
    {
        Write("b.jsonl", "a.jsonl", "B.jsonl", "a.jsonl.gz", "README.md", "dataset_infos.json", ".hidden.jsonl", "_SUCCESS", "sub/c.jsonl");
        Assert.Equal(["B.jsonl", "a.jsonl", "a.jsonl.gz", "b.jsonl"], Find("."));
        Assert.Equal(["sub/c.jsonl"], Find("sub"));
    }

    [Fact]
    public void Shards_are_read_in_their_order_and_all_of_them()
    {
        Write("train-00001-of-00003.csv", "train-00000-of-00003.csv");
        Assert.Contains("the file 00002-of-00003 is missing beside train-00000-of-00003.csv", Fails("."));
        Write("train-00002-of-00003.csv");
        Assert.Equal(["train-00000-of-00003.csv", "train-00001-of-00003.csv", "train-00002-of-00003.csv"], Find("."));
    }

    [Theory]
    [InlineData("train-00000-of-00001.csv test-00000-of-00001.csv", "the folder has files of several splits: test, train;")]
    [InlineData("train.jsonl validation.jsonl", "several splits: train, validation;")]
    [InlineData("speech-train.jsonl speech-dev.jsonl", "several splits: dev, train;")]
    [InlineData("a.csv b.jsonl c.jsonl", "files of several formats: csv (a.csv), jsonl (b.jsonl, ...); name those that are meant")]
    [InlineData("README.md sub/a.csv", "has no data files; it holds README.md, sub/.")]
    [InlineData("1.md 2.md 3.md 4.md 5.md 6.md 7.md 8.md 9.md", "it holds 1.md, 2.md, 3.md, 4.md, 5.md, 6.md, 7.md, 8.md and 1 more.")]
    public void A_folder_that_is_no_data_set_is_refused(string files, string expected)
    {
        Write(files.Split(' '));
        Assert.Contains(expected, Fails("."), StringComparison.Ordinal);
        Assert.StartsWith(folder.Root, Fails("."), StringComparison.Ordinal);
    }

    [Fact]
    public void A_format_that_is_named_chooses_among_a_folders_files()
    {
        Write("a.csv", "b.jsonl");
        Assert.Equal(["b.jsonl"], Find(".", DataFormats.JsonLines));
        Assert.Contains("has no tsv files (.tsv, .tab); it holds a.csv, b.jsonl.", Fails(".", DataFormats.Tsv));
    }

    [Fact]
    public void A_pattern_is_the_files_that_fit_it()
    {
        Write("train-1.csv", "train-2.csv", "test-1.csv", ".train-3.csv", "x/train-4.csv", "y/train-5.csv", "y/z/train-6.csv", "what*.csv",
            "whatever.csv");
        Assert.Equal(["train-1.csv", "train-2.csv"], Find("train-*.csv"));
        Assert.Equal(["test-1.csv", "train-1.csv"], Find("t*-?.csv").Where(name => name.EndsWith("1.csv", StringComparison.Ordinal)));
        Assert.Equal(["x/train-4.csv", "y/train-5.csv"], Find("*/train-*.csv"));
        Assert.Equal(["y/z/train-6.csv"], Find("?/z/train-6.csv"));
        Assert.Equal(["what*.csv"], Find("what*.csv"));
    }

    [Fact]
    public void A_pattern_that_nothing_fits_names_what_is_there()
    {
        Write("train-1.csv");
        Assert.Contains($"no file fits this pattern; {folder.File("")}", Fails("dev-*.csv"), StringComparison.Ordinal);
        Assert.Contains("holds train-1.csv.", Fails("dev-*.csv"), StringComparison.Ordinal);
        Assert.Contains("there is no folder", Fails("sub/dev-*.csv"), StringComparison.Ordinal);
        Assert.Contains("a pattern with ** is not read", Fails("**/*.csv"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_is_found_once()
    {
        Write("a.csv", "b.csv");
        Assert.Contains("b.csv: the file is named more than once", Assert.Throws<DataFileException>(
            () => DataFileSearch.Find(new DataFiles([folder.File("b.csv"), folder.File("*.csv")]), null)).Message);
        Assert.Equal(folder.File("none.csv"), DataFileSearch.Find(folder.File("none.csv"), null).Paths.Single());
    }

    [Fact]
    public void A_data_set_saved_by_Hugging_Face_is_the_files_it_lists()
    {
        Write("data-00000-of-00002.arrow", "data-00001-of-00002.arrow", "old.arrow", "dataset_info.json");
        folder.Write(
            "state.json",
            """{"_data_files": [{"filename": "data-00001-of-00002.arrow"}, {"filename": "data-00000-of-00002.arrow"}], "_split": null}""");
        Assert.Equal(["data-00001-of-00002.arrow", "data-00000-of-00002.arrow"], Find("."));

        folder.Write("state.json", """{"_data_files": [{"filename": "gone.arrow"}]}""");
        Assert.Contains("gone.arrow: the file does not exist", Fails("."));
        folder.Write(
            "state.json", """{"_data_files": [{"filename": "old.arrow"}], "_indices_data_files": [{"filename": "indices.arrow"}]}""");
        Assert.Contains("flatten_indices()", Fails("."));
        folder.Write("dataset_dict.json", """{"splits": ["train", "test"]}""");
        Assert.Contains("several splits: train, test; name the folder of one", Fails("."));
    }

    [Theory]
    [InlineData("""{"_data_files": [{"filename": "../a.arrow"}]}""")]
    [InlineData("""{"_data_files": [{"filename": 1}]}""")]
    [InlineData("""{"_data_files": "a.arrow"}""")]
    [InlineData("[]")]
    [InlineData("{")]
    public void A_list_of_files_that_cannot_be_used_is_refused(string state)
    {
        folder.Write("state.json", state);
        Assert.Contains("state.json: ", Assert.Throws<ModelFileException>(() => Find(".")).Message);
    }

    private void Write(params string[] names)
    {
        foreach (string name in names)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder.File(name))!);
            folder.Write(name, "");
        }
    }

    private string[] Find(string name, DataFormat? format = null) =>
        [.. DataFileSearch.Find(Path.GetFullPath(folder.File(name)), format).Paths.Select(path => Path.GetRelativePath(folder.Root, path))];

    private string Fails(string name, DataFormat? format = null) => Assert.Throws<DataFileException>(() => Find(name, format)).Message;
}
