using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>Methods by name: defaults, refusals, combinations.</summary>
public sealed class MethodCatalogTests
{
    public static TheoryData<string> Names => [.. MethodCatalog.Names];

    private static MethodParameters Named(string name, params (string Name, object Value)[] values) =>
        new(name, values.Select(value => new MethodParameter(value.Name, value.Value, "run.yaml:4")));

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
    public void Values_out_of_range_are_refused_with_their_place(string method, string key, object value) =>
        Assert.Contains($"run.yaml:4: method.{key} is", Assert.Throws<ConfigurationException>(() => MethodCatalog.Create(Named(method, (key, value)))).Message);

    [Theory]
    [InlineData("sam", "flat-lora", "both move the weights")]
    [InlineData("obar", "nbar", "both rescale")]
    [InlineData("sl-sam", "nbar", "holds most tensors of a step still")]
    [InlineData("plain", "nbar", "leave it out")]
    public void Methods_that_do_not_go_together_are_refused_with_the_reason(string first, string second, string reason) =>
        Assert.Contains(reason, Assert.Throws<ConfigurationException>(() => MethodCatalog.Create([Named(first), Named(second)])).Message);

    [Theory]
    [InlineData("lora-sam")]
    [InlineData("nbar")]
    [InlineData("flat-lora")]
    public void Methods_of_adapters_are_refused_without_one(string name) => Assert.Contains(
        "adapter", Assert.Throws<ConfigurationException>(() => new ToyRun("cpu", new TwoLayerModel(), new Tuning.Full(), MethodCatalog.Create(Named(name)))).Message);

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
