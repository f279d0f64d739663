using Engine.Common;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>Methods by name: defaults, refusals, combinations.</summary>
public sealed class MethodCatalogTests
{
    public static TheoryData<string> Names => [.. MethodCatalog.Names];

    private static MethodParameters Named(string name, params (string Name, object Value)[] values) =>
        new(name, values.Select(value => new MethodParameter(value.Name, value.Value, "run.yaml:4")), "run.yaml:3");

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_method_has_defaults_and_its_own_name_and_refuses_unknown_parameters(string name)
    {
        Assert.Equal(name, MethodCatalog.Create(Named(name)).Name);
        Assert.Contains("no parameter 'rhoo'", Assert.Throws<ConfigurationException>(() => MethodCatalog.Create(Named(name, ("rhoo", 1.0)))).Message);
    }

    [Theory]
    [InlineData("sam", "rho", -0.1)]
    [InlineData("asam", "eta", -1.0)]
    [InlineData("esam", "beta", 0.0)]
    [InlineData("esam", "gamma", 1.5)]
    [InlineData("looksam", "k", 0L)]
    [InlineData("sl-sam", "s_frac", 0.0)]
    [InlineData("nbar", "mu", -1.0)]
    [InlineData("obar", "mu_schedule", "quadratic")]
    [InlineData("fm-lora", "rho_min", 0.06)]
    [InlineData("efm-lora", "rho_min", 0.06)]
    [InlineData("lora-plus", "ratio", 0L)]
    public void Values_out_of_range_are_refused_with_their_place(string method, string key, object value) =>
        Assert.Contains($"run.yaml:4: method.{key} is", Assert.Throws<ConfigurationException>(() => MethodCatalog.Create(Named(method, (key, value)))).Message);

    [Theory]
    [InlineData("sam", "flat-lora", "both move the weights")]
    [InlineData("obar", "nbar", "both rescale")]
    [InlineData("sl-sam", "nbar", "holds most tensors of a step still")]
    [InlineData("plain", "nbar", "leave it out")]
    public void Methods_that_do_not_go_together_are_refused_with_the_reason(string first, string second, string reason) =>
        Assert.Matches($"^run.yaml:3: .*{reason}", Assert.Throws<ConfigurationException>(() => MethodCatalog.Create([Named(first), Named(second)])).Message);

    [Theory]
    [InlineData("Flat-LoRA")]
    [InlineData("FlatLoRA")]
    [InlineData("flat_lora")]
    public void The_name_of_two_methods_is_explained_with_both(string name) => Assert.Matches(
        "^run.yaml:3: There is no training method .* flat-lora is random perturbation .*2409.14396.* fm-lora, and in one pass efm-lora,.* adversarial .*2508.00522",
        Assert.Throws<ConfigurationException>(() => MethodCatalog.Create(Named(name))).Message);

    [Theory]
    [InlineData("EFlatLoRA", "EFMLoRA in its later versions: efm-lora")]
    [InlineData("lora+", "it is written lora-plus here")]
    [InlineData("LoRAPlus", "it is written lora-plus here")]
    [InlineData("LoRA_SAM", "it is written lora-sam here")]
    [InlineData("nbarr", "did you mean 'nbar'?")]
    public void A_name_in_another_spelling_is_told_how_it_is_written(string name, string hint) => Assert.Contains(
        hint, Assert.Throws<ConfigurationException>(() => MethodCatalog.Create(Named(name))).Message);

    [Theory]
    [InlineData("obar")]
    [InlineData("nbar")]
    public void A_rescaling_that_is_no_small_change_is_refused(string name)
    {
        var error = Assert.Throws<ConfigurationException>(() => Start(2.0, 0.5));
        Assert.StartsWith($"run.yaml:3: method {name}: mu is 2 and learning_rate 0.5", error.Message);
        Start(2.0, 0.49);

        void Start(double mu, double learningRate)
        {
            using var run = new ToyRun(
                "cpu", new TwoLayerModel(), ToyRun.Adapters, MethodCatalog.Create(Named(name, ("mu", mu))), new AdamWOptions { LearningRate = learningRate });
        }
    }

    [Theory]
    [InlineData("lora-sam")]
    [InlineData("nbar")]
    [InlineData("flat-lora")]
    public void Methods_of_adapters_are_refused_without_one(string name) => Assert.Matches(
        "^run.yaml:3: method .*adapter", Assert.Throws<ConfigurationException>(() => new ToyRun("cpu", new TwoLayerModel(), new Tuning.Full(), MethodCatalog.Create(Named(name)))).Message);

    /// <summary>Without noise, Flat-LoRA with BAR is BAR; without mu, it is Flat-LoRA.</summary>
    [Fact]
    public void Flat_lora_and_bar_run_together()
    {
        Same([Named("flat-lora", ("rho", 0.0)), Named("nbar", ("mu", 2.0))], [Named("nbar", ("mu", 2.0))]);
        Same([Named("flat-lora", ("rho", 0.3)), Named("obar", ("mu", 0.0))], [Named("flat-lora", ("rho", 0.3))]);
        Assert.NotEqual(
            Values([Named("flat-lora", ("rho", 0.3)), Named("obar", ("mu", 2.0))]),
            Values([Named("flat-lora", ("rho", 0.3))]));
        Same([Named("nbar"), Named("lora-sam", ("rho", 0.0))], [Named("nbar")]);

        static void Same(MethodParameters[] together, MethodParameters[] alone) => Assert.Equal(Values(alone), Values(together));

        static float[] Values(MethodParameters[] methods)
        {
            using var run = new ToyRun("cpu", new TwoLayerModel(), ToyRun.Adapters, MethodCatalog.Create(methods));
            for (int step = 0; step < 4; step++)
            {
                run.Step(0.05);
            }

            return run.Values;
        }
    }
}
