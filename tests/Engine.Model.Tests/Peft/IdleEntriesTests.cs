using Engine.Model.Peft;
using Engine.Tests;

namespace Engine.Model.Tests.Peft;

/// <summary>
/// Which entries of an adapter's configuration do nothing (what PEFT warns of or passes over, see huggingface/peft#3582).
/// </summary>
public sealed class IdleEntriesTests
{
    private static readonly AdapterConfig Config =
        new() { TargetModules = ModulePattern.Of("query", "value"), TaskType = AdapterConfig.SequenceClassification };

    [Fact]
    public void A_configuration_that_matches_has_none()
    {
        Assert.Empty(Idle(Config with
        {
            ExcludeModules = ModulePattern.Of("layer.0.attention.self.query", "out_proj"),
            RankPattern = [new("query", 2), new(@"layer\.1\..*value", 3)],
            AlphaPattern = [new("roberta.encoder.layer.1.attention.self.value", 3)],
            ModulesToSave = ["embeddings.LayerNorm"],
            LayersToTransform = [0, 1],
            LayersPattern = ["layer"],
        }));
        Assert.Empty(
            Idle(
                Config with
                {
                    TargetModules = ModulePattern.OfExpression("all-linear"),
                    ExcludeModules = ModulePattern.OfExpression(".*embeddings.*|.*dense")
                }));
    }

    [Fact]
    public void Every_kind_of_pattern_that_matches_nothing_is_found()
    {
        Expect(Config with { RankPattern = [new("query", 2), new("quary", 2)] }, "rank_pattern: 'quary' matches no module");
        Expect(Config with { AlphaPattern = [new("^query", 100)] }, "alpha_pattern: '^query' matches no module");
        Expect(Config with { ExcludeModules = ModulePattern.Of("valeu", "key") }, "exclude_modules: 'valeu' matches no module");
        Expect(Config with { ExcludeModules = ModulePattern.OfExpression(@".*layer\.0\.") },
            @"exclude_modules: '.*layer\.0\.' matches no module (a string is a regular expression over the whole name; '.*layer\.0\..*' would match)");
        Expect(Config with { ModulesToSave = ["pooler"] }, "modules_to_save: 'pooler' matches no module");
        Expect(Config with { ModulesToSave = ["score"] }, "modules_to_save: 'score' matches no module");
        Expect(Config with { TargetModules = ModulePattern.Of("query", "valeu") }, "target_modules: 'valeu' matches no linear layer");
        Expect(Config with { TargetModules = ModulePattern.OfExpression("query") },
            "target_modules: 'query' matches no linear layer (a string is a regular expression over the whole name; "
                + "write [query] to match by ending)");
        Expect(Config with { LayersToTransform = [1, 7] },
            "layers_to_transform: '7' is the number of no layer that has a module of target_modules");
        Expect(Config with { LayersToTransform = [1], LayersPattern = ["layer", "blocks"] },
            "layers_pattern: 'blocks' is the name of no list of layers");
    }

    [Fact]
    public void Patterns_are_held_against_what_is_adapted_in_the_end()
    {
        Expect(Config with { RankPattern = [new("key", 2)] },
            "rank_pattern: 'key' matches only modules without an adapter, such as roberta.encoder.layer.0.attention.self.key");
        Expect(Config with { RankPattern = [new("value", 2)], ExcludeModules = ModulePattern.Of("value") },
            "rank_pattern: 'value' matches only modules without an adapter");
        Expect(Config with { RankPattern = [new(@"layer\.0\..*", 2)], LayersToTransform = [1] },
            "rank_pattern: 'layer\\.0\\..*' matches only modules without an adapter");
        Expect(Config with { RankPattern = [new("query", 2), new(@"layer\.0\..*query", 3)] },
            "has no effect: the first pattern that matches a module counts, and 'query' comes before it");
        Expect(Config with { TargetModules = ModulePattern.Of("query", "out_proj"), LayersToTransform = [1], TaskType = null },
            "target_modules: 'out_proj' matches only layers that layers_to_transform leaves out");
    }

    [Fact]
    public void What_an_entry_could_have_been_is_as_deep_as_the_entry()
    {
        Assert.Equal(["query", "value"], Assert.Single(Idle(Config with { RankPattern = [new("quary", 2)] })).Known);
        Assert.Equal(["self.query", "self.value"], Assert.Single(Idle(Config with { RankPattern = [new(@"self\.quary", 2)] })).Known);
        Assert.Equal("self.quary", Assert.Single(Idle(Config with { RankPattern = [new(@".*self\.quary", 2)] })).Name);
    }

    private static void Expect(AdapterConfig config, string expected) =>
        Assert.Contains(expected, Assert.Single(Idle(config)).ToString(), StringComparison.Ordinal);

    private static IReadOnlyList<IdleEntry> Idle(AdapterConfig config) =>
        IdleEntries.Find(ModelFolder.Open(SharedFiles.Path("goldens/models/roberta-cls")).CreateArchitecture(), config);
}
