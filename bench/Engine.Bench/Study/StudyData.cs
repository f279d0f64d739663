using System.Globalization;

namespace Engine.Bench.Study;

/// <summary>
/// The files that the study makes of those in ../shared/data: harder training sets, and test sets that training does not resemble.
/// </summary>
internal sealed class StudyData(string shared, string folder)
{
    private const string Label = "Quality", Texts = "#1 String,#2 String";

    /// <summary>
    /// Scores of STS-B from which a pair counts as a paraphrase, and below which it does not; those between are left out.
    /// </summary>
    private const double Paraphrase = 4, NoParaphrase = 3;

    /// <summary>STS-B's rows that were taken from MRPC's own corpus.</summary>
    private const string SameCorpus = "MSRpar";

    /// <summary>Test sets for models trained on MRPC, by name.</summary>
    public IReadOnlyDictionary<string, string> Shifted { get; } = new Dictionary<string, string>
    {
        ["dropped-10"] = Path.Combine(folder, "MRPC-dev-dropped-10.tsv"),
        ["dropped-30"] = Path.Combine(folder, "MRPC-dev-dropped-30.tsv"),
        ["sts-b"] = Path.Combine(folder, "STS-B-paraphrases.tsv"),
    };

    /// <summary>Makes what is not there; the same wherever it is made.</summary>
    public void Make()
    {
        string train = Path.Combine(shared, "glue/MRPC/train.tsv"), dev = Path.Combine(shared, "glue/MRPC/dev.tsv");
        Degrade(train, "MRPC-tenth.tsv", "--keep", "0.1");
        Degrade(train, "MRPC-flip-20.tsv", "--flip", "0.2");
        Degrade(train, "MRPC-flip-40.tsv", "--flip", "0.4");
        Degrade(dev, "MRPC-dev-dropped-10.tsv", "--drop", "0.1", "--text", Texts);
        Degrade(dev, "MRPC-dev-dropped-30.tsv", "--drop", "0.3", "--text", Texts);
        string paraphrases = Shifted["sts-b"];
        if (!File.Exists(paraphrases))
        {
            File.WriteAllLines(paraphrases, Paraphrases(File.ReadAllLines(Path.Combine(shared, "glue/STS-B/dev.tsv"))));
        }
    }

    /// <summary>Rows of STS-B as MRPC has them: label, two ids, two sentences.</summary>
    /// <param name="lines">With STS-B's header.</param>
    public static IEnumerable<string> Paraphrases(IReadOnlyList<string> lines)
    {
        string[] header = lines[0].Split('\t');
        int file = Array.IndexOf(header, "filename"), one = Array.IndexOf(header, "sentence1"), other = Array.IndexOf(header, "sentence2"),
            score = Array.IndexOf(header, "score");
        return
        [
            "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
            .. from cells in lines.Skip(1).Select(line => line.Split('\t'))
               where cells[file] != SameCorpus
               let number = double.Parse(cells[score], CultureInfo.InvariantCulture)
               where number is >= Paraphrase or < NoParaphrase
               select $"{(number >= Paraphrase ? 1 : 0)}\t0\t0\t{cells[one]}\t{cells[other]}",
        ];
    }

    private void Degrade(string source, string name, params string[] options)
    {
        string target = Path.Combine(folder, name);
        if (!File.Exists(target))
        {
            DegradedData.Run(source, target, ["--label", Label, "--seed", "1", .. options]);
        }
    }
}
