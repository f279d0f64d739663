namespace Engine.Bench.Study;

/// <summary>A run of the study.</summary>
/// <param name="Part">The part it belongs to.</param>
/// <param name="Method">Its method.</param>
/// <param name="Setting">One of the method's settings.</param>
/// <param name="Seed">Its seed.</param>
internal sealed record StudyRun(StudyPart Part, StudyMethod Method, string Setting, ulong Seed)
{
    /// <summary>The run as progress and errors name it.</summary>
    public override string ToString() => $"{Part.Name} {Method.Text(Setting)} seed {Seed}";

    /// <summary>Whether a line is this run's.</summary>
    public bool Is(StudyLine line) => (line.Part, line.Method, line.Setting, line.Seed) == (Part.Name, Method.Name, Setting, Seed);
}

/// <summary>A part of the study: a task and a condition, every method with the settings of its own.</summary>
/// <param name="Name">What lines and the command line call it.</param>
/// <param name="RunFile">In bench/glue.</param>
/// <param name="Seeds">Runs of each setting, with seeds from 0.</param>
/// <param name="Settings">How many of a method's settings are run: the best of the search; 0: all of them.</param>
/// <param name="Overrides">Settings that replace those of the run file; <c>{data}</c> is the folder of files that the study makes.</param>
internal sealed record StudyPart(string Name, string RunFile, int Seeds, int Settings, params string[] Overrides)
{
    /// <summary>The part that decides with which settings the others run.</summary>
    public const string SearchName = "search";

    /// <summary>Of how many seeds the final weights are also looked at: sharpness, and shifted test sets.</summary>
    public int LookedSeeds { get; init; }

    /// <summary>Methods of the part. FMLoRA, at LoRA-SAM's cost, is left out where the budget asks for it, then others.</summary>
    public IReadOnlyList<string> Methods { get; init; } = [.. StudyMethod.All.Select(method => method.Name)];

    private static IReadOnlyList<string> WithoutFm => ["lora", "flat-lora", "bi-lora", "efm-lora", "nbar", "lora-sam"];

    private static IReadOnlyList<string> WithoutFmAndBar => ["lora", "flat-lora", "bi-lora", "efm-lora", "lora-sam"];

    /// <summary>Of the part whose runs are the longest.</summary>
    private static IReadOnlyList<string> Dearest => ["lora", "flat-lora", "bi-lora", "lora-sam"];

    private const string AllLinear = "adapter.target_modules=all-linear";

    /// <summary>
    /// In the order of what a user learns from them. The search never sees the dev set: it holds a third of the training rows out.
    /// </summary>
    public static IReadOnlyList<StudyPart> All { get; } =
    [
        new(SearchName, "MRPC.yaml", 2, 0, AllLinear, "data.validation=null", "data.validation_split=0.3333"),
        new("mrpc", "MRPC.yaml", 5, 2, AllLinear) { LookedSeeds = 3 },
        new("tenth", "MRPC.yaml", 5, 1, AllLinear, "data.train={data}/MRPC-tenth.tsv", "num_train_epochs=10") { Methods = WithoutFm },
        new("flip-20", "MRPC.yaml", 3, 1, AllLinear, "data.train={data}/MRPC-flip-20.tsv") { Methods = WithoutFm },
        new("flip-40", "MRPC.yaml", 3, 1, AllLinear, "data.train={data}/MRPC-flip-40.tsv") { Methods = WithoutFm },
        new("mrpc-10-epochs", "MRPC.yaml", 3, 1, AllLinear, "num_train_epochs=10") { Methods = Dearest },
        new("sst-2", "SST-2.yaml", 3, 1, AllLinear) { Methods = WithoutFmAndBar },
        new("rte", "RTE.yaml", 3, 1, AllLinear) { Methods = WithoutFmAndBar },
        new("query-value", "MRPC.yaml", 3, 1) { Methods = WithoutFmAndBar },
    ];

    /// <summary>
    /// The runs, seed by seed and every method's first settings before its others, so that what is there when the study is stopped says
    /// something of each method.
    /// </summary>
    /// <param name="lines">What is there of the search.</param>
    /// <param name="waiting">Methods whose search is not finished, and which this part so cannot run yet.</param>
    public IReadOnlyList<StudyRun> Runs(IReadOnlyList<StudyLine> lines, out IReadOnlyList<string> waiting)
    {
        int ofSearch = All.First(part => part.Name == SearchName).Seeds;
        var chosen = (from method in StudyMethod.All
                      where Methods.Contains(method.Name)
                      select (Method: method, Settings: Settings == 0
                          ? method.Settings
                          : StudySelection.Best(method, lines, Settings, ofSearch))).ToList();
        waiting = [.. chosen.Where(entry => entry.Settings is null).Select(entry => entry.Method.Name)];
        return
        [
            .. from seed in Enumerable.Range(0, Seeds)
               from place in Enumerable.Range(0, chosen.Max(entry => entry.Settings?.Count ?? 0))
               from entry in chosen
               where entry.Settings is not null && place < entry.Settings.Count
               select new StudyRun(this, entry.Method, entry.Settings[place], (ulong)seed),
        ];
    }
}
