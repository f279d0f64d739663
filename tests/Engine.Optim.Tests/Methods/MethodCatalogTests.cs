using Engine.Common;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>Methods by name: defaults, refusals, combinations.</summary>
public sealed class MethodCatalogTests
{
    public static TheoryData<string> Names => [.. MethodCatalog.Names];

    private static Method Named(string name) => MethodCatalog.Create(name, "run.yaml:3");

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_method_has_defaults_and_its_own_name_as_its_plug_in_has(string name)
    {
        Method method = MethodCatalog.Create(name);
        Assert.Equal((name, name), (method.Name, method.CreatePlugIn().Name));
    }

    [Fact]
    public void Methods_are_equal_by_their_values_wherever_they_are_named()
    {
        Assert.Equal(new FlatLora { Rho = 0.05, NoiseSeed = 42 }, MethodCatalog.Create("flat-lora", "run.yaml:4"));
        Assert.NotEqual(new Sam { Rho = 0.1 }, (Method)new Sam());
        Assert.NotEqual<Method>(new OBar(), new NBar());
        Assert.Equal(new Together(new Sam(), new NBar()), new Together(new Together(new Sam()), new NBar()));
        Assert.Equal(new Together(new Sam(), new NBar()).GetHashCode(), new Together(new Together(new Sam()), new NBar()).GetHashCode());
        Assert.NotEqual(new Together(new Sam(), new NBar()), new Together(new NBar(), new Sam()));
    }

    [Theory]
    [InlineData("sam", "flat-lora", "both move the weights")]
    [InlineData("obar", "nbar", "both rescale")]
    [InlineData("sl-sam", "nbar", "holds most tensors of a step still")]
    [InlineData("plain", "nbar", "leave it out")]
    public void Methods_that_do_not_go_together_are_refused_with_the_reason(string first, string second, string reason) => Assert.Matches(
        $"^run.yaml:3: .*{reason}",
        Assert.Throws<ConfigurationException>(() => new Together(Named(first), Named(second)).CreatePlugIn()).Message);

    [Theory]
    [InlineData("Flat-LoRA")]
    [InlineData("FlatLoRA")]
    [InlineData("flat_lora")]
    public void The_name_of_two_methods_is_explained_with_both(string name) => Assert.Matches(
        "^run.yaml:3: There is no training method .* did you mean 'flat-lora', random perturbation .*2409.14396.* fm-lora, "
            + "and in one pass efm-lora,.* adversarial .*2508.00522",
        Assert.Throws<ConfigurationException>(() => Named(name)).Message);

    [Theory]
    [InlineData("EFlatLoRA", "EFMLoRA in its later versions: efm-lora")]
    [InlineData("lora+", "it is written lora-plus here")]
    [InlineData("LoRAPlus", "it is written lora-plus here")]
    [InlineData("LoRA_SAM", "it is written lora-sam here")]
    [InlineData("nbarr", "did you mean 'nbar'?")]
    public void A_name_in_another_spelling_is_told_how_it_is_written(string name, string hint) => Assert.Contains(
        hint, Assert.Throws<ConfigurationException>(() => Named(name)).Message);

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
                "cpu", new TwoLayerModel(), ToyRun.Adapters, ((Balancing)Named(name) with { Mu = mu }).CreatePlugIn(),
                new AdamWOptions { LearningRate = learningRate });
        }
    }

    [Theory]
    [InlineData("lora-sam")]
    [InlineData("nbar")]
    [InlineData("flat-lora")]
    public void Methods_of_adapters_are_refused_without_one(string name) => Assert.Matches(
        "^run.yaml:3: method .*adapter",
        Assert.Throws<ConfigurationException>(
            () => new ToyRun("cpu", new TwoLayerModel(), new Tuning.Full(), Named(name).CreatePlugIn())).Message);

    /// <summary>Without noise, Flat-LoRA with BAR is BAR; without mu, it is Flat-LoRA.</summary>
    [Fact]
    public void Flat_lora_and_bar_run_together()
    {
        Method flat = new FlatLora { Rho = 0.3 };
        Same(new Together(new FlatLora { Rho = 0 }, new NBar { Mu = 2 }), new NBar { Mu = 2 });
        Same(new Together(flat, new OBar { Mu = 0 }), flat);
        Assert.NotEqual(Values(new Together(flat, new OBar { Mu = 2 })), Values(flat));
        Same(new Together(new NBar(), new LoraSam { Rho = 0 }), new NBar());
        Same(new Together(flat), flat);

        static void Same(Method together, Method alone) => Assert.Equal(Values(alone), Values(together));

        static float[] Values(Method method)
        {
            using var run = new ToyRun("cpu", new TwoLayerModel(), ToyRun.Adapters, method.CreatePlugIn());
            for (int step = 0; step < 4; step++)
            {
                run.Step(0.05);
            }

            return run.Values;
        }
    }
}
