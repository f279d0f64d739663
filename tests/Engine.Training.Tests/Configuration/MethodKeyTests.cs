using Engine.Common;
using Engine.Optim.Methods;
using Engine.Tests;
using Engine.Training.Configuration;

namespace Engine.Training.Tests.Configuration;

/// <summary>The run file's <c>method</c>: keys, bounds and refusals of every training method.</summary>
public sealed class MethodKeyTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Names => [.. MethodCatalog.Names];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_method_is_read_with_its_defaults_written_again_and_refuses_unknown_keys(string name)
    {
        Method method = MethodCatalog.Create(name);
        RunConfiguration run = Load($"{name}\n");
        Assert.Equal(method is Plain ? null : method, run.Method);
        Assert.Equal(run.Method, RunConfiguration.Load(folder.Write("again.yaml", run.ToYaml())).Method);
        Assert.Contains($"run.yaml:5: the method {name} has no key 'rhoo'", Fails($"\n  {{name: {name},\n   rhoo: 1}}\n"));
    }

    /// <summary>Every key with a value other than its default, as the run file has written it since the methods came.</summary>
    [Fact]
    public void Keys_are_the_properties_in_snake_case()
    {
        Assert.Equal(new FlatLora { Rho = 0.1, NoiseSeed = 3 }, Load("{name: flat-lora, rho: 0.1, noise_seed: 3}\n").Method);
        Assert.Equal(new Sam { Rho = 0.1 }, Load("{name: sam, rho: 0.1}\n").Method);
        Assert.Equal(new LoraSam { Rho = 0.1 }, Load("{name: lora-sam, rho: 0.1}\n").Method);
        Assert.Equal(new Asam { Rho = 0.1, Eta = 0 }, Load("{name: asam, rho: 0.1, eta: 0}\n").Method);
        Assert.Equal(
            new Esam { Rho = 0.1, Beta = 1, Gamma = 0.2, SelectionSeed = 3 },
            Load("{name: esam, rho: 0.1, beta: 1, gamma: 0.2, selection_seed: 3}\n").Method);
        Assert.Equal(new LookSam { Rho = 0.2, K = 3, A = 1 }, Load("{name: looksam, rho: 0.2, k: 3, a: 1}\n").Method);
        Assert.Equal(
            new SlSam { Rho = 0.2, SFrac = 0.5, SelectionSeed = 3 },
            Load("{name: sl-sam, rho: 0.2, s_frac: 0.5, selection_seed: 3}\n").Method);
        Assert.Equal(new LoraPlus { Ratio = 4 }, Load("{name: lora-plus, ratio: 4}\n").Method);
        Assert.Equal(new FmLora { Rho = 0.2, RhoMin = 0.2 }, Load("{name: fm-lora, rho: 0.2, rho_min: 0.2}\n").Method);
        Assert.Equal(new EfmLora { Rho = 0.2, RhoMin = 0, Beta = 1 }, Load("{name: efm-lora, rho: 0.2, rho_min: 0, beta: 1}\n").Method);
        Assert.Equal(new OBar { Mu = 1, MuSchedule = MuSchedule.Linear }, Load("{name: obar, mu: 1, mu_schedule: linear}\n").Method);
        Assert.Equal(
            new ScaLora { Interval = 10, L = 200, Eta = ScalingRate.Current },
            Load("{name: scalora, interval: 10, L: 200, eta: current}\n").Method);
        Assert.Equal(
            new XgbLora { Kappa = 3, Layers = 2, Init = Path.Combine(folder.Root, "start.safetensors"), BoosterSeed = 3 },
            Load("{name: xgblora, kappa: 3, layers: 2, init: start.safetensors, booster_seed: 3}\n").Method);
        Assert.Equal(new HaLora { Mu = 0.2, Norm = FactorNorm.Frobenius }, Load("{name: halora, mu: 0.2, norm: frobenius}\n").Method);
        Assert.Equal(
            new SdLora
            {
                Directions = StoredDirection.Absorb,
                Scalar = 0.5,
                Ranks = [4, 2],
                DropBelow = 9e-4,
                Init = Path.Combine(folder.Root, "start.safetensors"),
                DirectionSeed = 3,
            },
            Load(
                "{name: sd-lora, directions: absorb, scalar: 0.5, ranks: [4, 2], drop_below: 9.0e-4, init: start.safetensors, "
                + "direction_seed: 3}\n").Method);
        Assert.Equal(
            new LaLora { Optimizer = StepOptimizer.Sgd, Clip = 0.5, DpSigma = 2, R = 3, Filter = false, Delta = 1e-6, NoiseSeed = 3 },
            Load(
                "{name: la-lora, reference: paper, optimizer: sgd, clip: 0.5, dp_sigma: 2, R: 3, filter: false, delta: 1.0e-6, "
                + "noise_seed: 3}\n").Method);
        Assert.Equal(
            new LaLora { Reference = LaLoraForm.Code, LsSigma = 2, ClipMax = 0.5, LrBFactor = 4, DpSigma = 0 },
            Load("{name: la-lora, reference: code, ls_sigma: 2, clip_max: 0.5, lr_B_factor: 4, dp_sigma: 0}\n").Method);
        Assert.Equal(new XgbLora { Boosters = 4 }, Load("{name: xgblora, boosters: 4}\n").Method);
        Assert.Equal(new NBar { Mu = 1, MuSchedule = MuSchedule.Cosine }, Load("{name: nbar, mu: 1, mu_schedule: cosine}\n").Method);
        Assert.Equal(
            new BiLora
            {
                Rho = 0.2,
                AuxiliaryRank = 3,
                AuxiliaryLearningRate = 0.1,
                AuxiliaryOptimizer = AuxiliaryOptimizer.Sgd,
                Clip = AuxiliaryClip.PerLayer,
                AuxiliaryInit = Path.Combine(folder.Root, "aux.safetensors"),
                AuxiliarySeed = 3,
            },
            Load(
                "{name: bi-lora, rho: 0.2, auxiliary_rank: 3, auxiliary_learning_rate: 0.1, auxiliary_optimizer: sgd, clip: per-layer, "
                + "auxiliary_init: aux.safetensors, auxiliary_seed: 3}\n").Method);
    }

    [Theory]
    [InlineData("sam", "rho", "-0.1")]
    [InlineData("sam", "rho", "big")]
    [InlineData("sam", "rho", ".nan")]
    [InlineData("flat-lora", "noise_seed", "-1")]
    [InlineData("flat-lora", "noise_seed", "2.5")]
    [InlineData("asam", "eta", "-1")]
    [InlineData("esam", "beta", "0")]
    [InlineData("esam", "gamma", "1.5")]
    [InlineData("looksam", "k", "0")]
    [InlineData("looksam", "k", "1.5")]
    [InlineData("sl-sam", "s_frac", "0")]
    [InlineData("nbar", "mu", "-1")]
    [InlineData("obar", "mu_schedule", "quadratic")]
    [InlineData("fm-lora", "rho_min", "0.06")]
    [InlineData("efm-lora", "rho_min", "0.06")]
    [InlineData("efm-lora", "beta", "0")]
    [InlineData("bi-lora", "auxiliary_rank", "65")]
    [InlineData("bi-lora", "auxiliary_optimizer", "adam")]
    [InlineData("bi-lora", "auxiliary_init", "''")]
    [InlineData("lora-plus", "ratio", "0")]
    [InlineData("scalora", "L", "0")]
    [InlineData("scalora", "interval", "0")]
    [InlineData("scalora", "eta", "half")]
    [InlineData("xgblora", "kappa", "0")]
    [InlineData("halora", "mu", "-0.1")]
    [InlineData("halora", "norm", "nuclear")]
    [InlineData("la-lora", "clip", "-1")]
    [InlineData("la-lora", "dp_sigma", "-1")]
    [InlineData("la-lora", "R", "0")]
    [InlineData("la-lora", "delta", "1")]
    [InlineData("la-lora", "reference", "mine")]
    [InlineData("la-lora", "ls_sigma", "1")]
    [InlineData("la-lora", "clip_max", "0.5")]
    [InlineData("la-lora", "lr_B_factor", "3")]
    public void Values_out_of_range_are_refused_with_their_place(string method, string key, string value) =>
        Assert.Contains($"run.yaml:5: method.{key} is '{value.Trim('\'')}'", Fails($"\n  {{name: {method},\n   {key}: {value}}}\n"));

    /// <summary>Each stands in the line of its own name.</summary>
    [Theory]
    [InlineData("sam", "flat-lora", "both move the weights")]
    [InlineData("obar", "nbar", "both rescale")]
    [InlineData("nbar", "sl-sam", "holds most tensors of a step still")]
    [InlineData("plain", "nbar", "leave it out")]
    [InlineData("scalora", "flat-lora", "moves adapters into their base weights")]
    [InlineData("obar", "xgblora", "moves adapters into their base weights")]
    [InlineData("scalora", "xgblora", "both move adapters")]
    [InlineData("halora", "xgblora", "factors that stay apart")]
    [InlineData("sl-sam", "halora", "holds most tensors of a step still")]
    [InlineData("la-lora", "lora-sam", "takes the gradients of single samples or factors")]
    [InlineData("nbar", "la-lora", "takes the gradients of single samples or factors")]
    public void Methods_that_do_not_go_together_are_refused_with_the_reason(string first, string second, string reason) =>
        Assert.Matches($"run.yaml:[45]: .*{reason}", Fails($"\n  - {first}\n  - {second}\n"));

    [Theory]
    [InlineData("{name: sam, s_frac: 1}", "it belongs to the method sl-sam; known are start, every, sigma, c, rho_max, anneal_start, rho.")]
    [InlineData("{name: sam, learning_rate: 1}", "it belongs to the run file itself")]
    [InlineData("{name: sam, lora_alpha: 1}", "it belongs to another section: write it below 'adapter:', as adapter.lora_alpha.")]
    [InlineData("{name: flat-lora, noise_sed: 1}", "did you mean 'noise_seed'? Known are start, every, rise_every, rho, noise_seed.")]
    [InlineData("{name: obar, mu_schedule: linar}", "did you mean 'linear'? Known are constant, linear, cosine.")]
    [InlineData("sam\ns_frac: 1", "it belongs to the training method sl-sam: write it below 'method:', beside the method's name.")]
    [InlineData("{name: xgblora, kappa: 3, boosters: 2}", "method.boosters is '2'; expected either kappa or boosters")]
    [InlineData("{name: la-lora, clip: 0, dp_sigma: 1}", "method.dp_sigma is '1'; expected 0, since clip: 0 bounds no sample's part")]
    [InlineData("{name: la-lora, dp_sigma: 0, delta: 0.1}", "method.delta is '0.1'; expected none, since there is no noise")]
    [InlineData("{name: la-lora, clip: 0, noise_seed: 3}", "method.noise_seed is '3'; expected none, since there is no noise")]
    [InlineData("{name: la-lora, reference: code, clip: 1}", "method.clip is '1'; expected none, since only reference: paper reads it")]
    [InlineData("{name: la-lora, reference: code, filter: true}", "expected none, since only reference: paper reads it")]
    [InlineData("{name: la-lora, clip_max: 1}", "method.clip_max is '1'; expected none, since only reference: code reads it")]
    [InlineData("{name: Flat-LoRA}", "run.yaml:3: There is no training method 'Flat-LoRA'; did you mean 'flat-lora', random perturbation")]
    [InlineData("flatlora", "There is no training method 'flatlora'; did you mean 'flat-lora'")]
    [InlineData("flat_lora", "There is no training method 'flat_lora'; did you mean 'flat-lora'")]
    [InlineData("FlatLoRA", "There is no training method 'FlatLoRA'; did you mean 'flat-lora'")]
    [InlineData("flat-loar", "There is no training method 'flat-loar'; did you mean 'flat-lora'")]
    public void A_wrong_key_is_answered_with_what_to_write(string method, string expected) =>
        Assert.Contains(expected, Fails($"{method}\n"));

    private RunConfiguration Load(string method) =>
        RunConfiguration.Load(folder.Write(
            "run.yaml", $"model: m\noutput: o\nmethod: {method}data: {{train: t.tsv, text: a, label: b}}\n"));

    private string Fails(string method) => Assert.Throws<ConfigurationException>(() => Load(method)).Message;
}
