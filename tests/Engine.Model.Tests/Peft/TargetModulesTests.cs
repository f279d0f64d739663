using Engine.Model.Peft;

namespace Engine.Tests.Peft;

/// <summary>
/// The rules of PEFT 0.21: <c>check_target_module_exists</c> and <c>_maybe_include_all_linear_layers</c> of its tuners_utils.py.
/// </summary>
public sealed class TargetModulesTests
{
    private static readonly string[] Linear =
    [
        .. Enumerable.Range(0, 3)
            .SelectMany(
                layer => new[] { "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
                    "intermediate.dense", "output.dense" }
                    .Select(name => $"roberta.encoder.layer.{layer}.{name}")),
        "classifier.dense", "classifier.out_proj",
    ];

    [Fact]
    public void A_list_matches_whole_names_and_endings_after_a_dot()
    {
        Assert.Equal(
            ["roberta.encoder.layer.0.attention.self.query", "roberta.encoder.layer.1.attention.self.query",
                "roberta.encoder.layer.2.attention.self.query"],
            Match(ModulePattern.Of("query")));
        Assert.Equal(["roberta.encoder.layer.1.attention.self.key"], Match(ModulePattern.Of("roberta.encoder.layer.1.attention.self.key")));
        Assert.Equal(3, Match(ModulePattern.Of("output.dense"), exclude: ModulePattern.Of("attention.output.dense")).Count);
        Assert.Equal(6, Match(ModulePattern.Of("output.dense")).Count);
    }

    [Fact]
    public void One_entry_of_a_list_that_matches_is_enough_as_in_PEFT()
    {
        Assert.Equal(3, Match(ModulePattern.Of("query", "q_proj")).Count);
        string message = Refused(ModulePattern.Of("q_proj", "k_proj"));
        Assert.Contains("matches no linear layer", message);
        Assert.Contains(
            "Candidates are query, key, value, dense, out_proj, for instance roberta.encoder.layer.0.attention.self.query", message);
    }

    [Fact]
    public void A_string_is_a_regular_expression_over_the_whole_name()
    {
        Assert.Equal(6, Match(ModulePattern.OfExpression(@".*\.(query|value)")).Count);
        Assert.Equal(2, Match(ModulePattern.OfExpression(@".*layer\.(?P<n>[02])\..*query")).Count);
        Assert.Contains("write [query] to match by ending", Refused(ModulePattern.OfExpression("query")));
        Assert.Contains("matches no linear layer", Refused(ModulePattern.OfExpression(".*quer")));
    }

    [Theory]
    [InlineData(@"(?P<a>x)-(?P=a)", "x-x", true)]
    [InlineData(@"a{,2}b", "aab", true)]
    [InlineData(@"a{,2}b", "aaab", false)]
    [InlineData(@"a\Z", "a", true)]
    [InlineData(@"[\]\[]x", "[x", true)]
    [InlineData(@"[]a]x", "]x", true)]
    [InlineData(@"[^]a]x", "bx", true)]
    [InlineData(@"[a-z-[x]b", "[b", true)]
    [InlineData(@"a|ab", "ab", true)]
    [InlineData(@"(?i)QUERY", "query", true)]
    [InlineData(@"(?P<q>\(?)x", "(x", true)]
    public void Expressions_are_read_as_Python_reads_them(string pattern, string name, bool expected)
    {
        Assert.Equal(expected, PythonRegex.FullMatch(pattern).IsMatch(name));
    }

    [Fact]
    public void Expressions_that_cannot_be_read_alike_or_take_too_long_are_refused()
    {
        Assert.Contains("numbers differently", Assert.Throws<ArgumentException>(() => PythonRegex.FullMatch(@"(?P<a>x)(y)\2")).Message);
        Assert.Contains("not understood", Assert.Throws<ArgumentException>(() => PythonRegex.FullMatch("a++")).Message);
        Assert.Contains("longer than", Assert.Throws<ArgumentException>(() => PythonRegex.FullMatch(new string('a', 5000))).Message);
        Assert.Contains(
            "takes too long",
            Assert.Throws<ArgumentException>(() => PythonRegex.FullMatch("(a+)+").IsMatch(new string('a', 40) + "!")).Message);
    }

    [Fact]
    public void Layers_can_be_chosen_by_number_except_for_modules_named_in_full()
    {
        AdapterConfig config =
            new() { TargetModules = ModulePattern.Of("query", "roberta.encoder.layer.0.attention.self.key"), LayersToTransform = [1] };
        string[] expected = ["roberta.encoder.layer.0.attention.self.key", "roberta.encoder.layer.1.attention.self.query"];

        Assert.Equal(expected, TargetModules.Match(Linear, config));
        Assert.Equal(expected, TargetModules.Match(Linear, config with { LayersPattern = ["blocks", "layer"] }));
        Assert.Contains(
            "allows only layers 7",
            Assert.Throws<ArgumentException>(
                () => TargetModules.Match(
                    Linear, config with { TargetModules = ModulePattern.Of("query"), LayersToTransform = [7] })).Message);
    }

    [Fact]
    public void Modules_that_are_saved_whole_are_never_adapted()
    {
        AdapterConfig config = new() { TargetModules = ModulePattern.Of("dense"), TaskType = AdapterConfig.SequenceClassification };

        Assert.Equal(9, TargetModules.Match(Linear, config).Count);
        Assert.DoesNotContain("classifier.dense", TargetModules.Match(Linear, config));
        Assert.Contains("classifier.dense", TargetModules.Match(Linear, config with { TaskType = null }));
        Assert.Contains(
            "modules_to_save take out: classifier.out_proj",
            Assert.Throws<ArgumentException>(
                () => TargetModules.Match(Linear, config with { TargetModules = ModulePattern.Of("out_proj") })).Message);
    }

    [Fact]
    public void All_linear_leaves_out_the_head_and_what_is_saved_whole()
    {
        string[] languageModel = ["model.layers.0.q_proj", "lm_head.dense", "lm_head.decoder"];
        AdapterConfig config = new() { TargetModules = ModulePattern.OfExpression("All-Linear") };

        Assert.Equal(["model.layers.0.q_proj", "lm_head.dense"], TargetModules.Match(languageModel, config, outputHead: "lm_head.decoder"));
        Assert.Equal(
            18,
            TargetModules.Match(Linear, config with { TaskType = AdapterConfig.SequenceClassification }, outputHead: "classifier").Count);
        Assert.Equal(
            17,
            TargetModules.Match(
                Linear,
                config with
                {
                    TaskType = AdapterConfig.SequenceClassification,
                    ExcludeModules = ModulePattern.Of("layer.0.output.dense")
                }).Count);
    }

    [Fact]
    public void A_module_that_is_no_linear_layer_cannot_be_a_target()
    {
        string[] others = ["roberta.embeddings.word_embeddings", "roberta.embeddings.LayerNorm",
            "roberta.encoder.layer.0.output.LayerNorm"];
        AdapterConfig config = new() { TargetModules = ModulePattern.OfExpression(".*embeddings.*|.*query") };

        string message = Refused(config);
        Assert.Contains(
            "matches what is no linear layer of its own (embeddings, norms, an output layer tied to embeddings): "
                + "roberta.embeddings.word_embeddings, roberta.embeddings.LayerNorm.", message);
        Assert.DoesNotContain("layer.0.output", message);
        Assert.Contains("exclude_modules", message);
        Assert.Contains("word_embeddings", Refused(config with { TargetModules = ModulePattern.Of("query", "word_embeddings") }));

        // What is excluded or trained whole is not asked for, and all-linear names linear layers by itself.
        Assert.Equal(
            3,
            TargetModules.Match(
                Linear, config with { ExcludeModules = ModulePattern.OfExpression(".*embeddings.*") }, otherModules: others).Count);
        Assert.Equal(3, TargetModules.Match(Linear, config with { ModulesToSave = ["embeddings"] }, otherModules: others).Count);
        Assert.Equal(
            Linear, TargetModules.Match(
                Linear, config with { TargetModules = ModulePattern.OfExpression("all-linear") }, otherModules: others));

        string Refused(AdapterConfig wrong) =>
            Assert.Throws<ArgumentException>(() => TargetModules.Match(Linear, wrong, otherModules: others)).Message;
    }

    [Fact]
    public void Saved_modules_are_found_by_the_end_of_a_modules_name()
    {
        string[] parameters =
            ["bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias", "my_classifier.weight"];
        AdapterConfig classifier = new() { TaskType = AdapterConfig.SequenceClassification };

        // PEFT compares with endswith and no dot before it, so my_classifier is taken too.
        Assert.Equal(["classifier.weight", "classifier.bias", "my_classifier.weight"], SavedModules.Match(parameters, classifier));
        Assert.Equal(
            ["bert.pooler.dense.weight", "bert.pooler.dense.bias"],
            SavedModules.Match(parameters, new AdapterConfig { ModulesToSave = ["pooler"] }));
        Assert.Empty(SavedModules.Match(parameters, new AdapterConfig()));
        Assert.Equal(3, SavedModules.Match(parameters, classifier with { ModulesToSave = ["head"] }).Count);
    }

    private static IReadOnlyList<string> Match(ModulePattern targets, ModulePattern? exclude = null) =>
        TargetModules.Match(Linear, new AdapterConfig { TargetModules = targets, ExcludeModules = exclude });

    private static string Refused(ModulePattern targets) => Assert.Throws<ArgumentException>(() => Match(targets)).Message;
}
