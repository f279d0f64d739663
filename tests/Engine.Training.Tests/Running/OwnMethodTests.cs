using Engine.Common;
using Engine.Common.Keys;
using Engine.Devices.Cpu;
using Engine.Graph;
using Engine.Optim.Methods;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>Every parameter at a share of the learning rate: a method as a program outside Engine writes it.</summary>
public sealed record ShareOfRate : Method, IKeyRules
{
    public override string Name => "share-of-rate";

    /// <summary>What the learning rate is multiplied by.</summary>
    [Key(Minimum = 0, Above = true)]
    public double Share { get; init; } = 0.5;

    /// <summary>The largest share.</summary>
    [Key(Minimum = 0)]
    public double Most { get; init; } = 1;

    KeyProblem? IKeyRules.Problem => Share > Most ? new KeyProblem(nameof(Share), "a number of at most most") : null;

    protected override TrainingMethod Create() => new ShareOfRateMethod(this);
}

internal sealed class ShareOfRateMethod(ShareOfRate settings) : TrainingMethod
{
    public override string Name => settings.Name;

    public override MethodRole Role => MethodRole.LearningRate;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        if (context.Model.Adapters.Count == 0)
        {
            throw Refusal($"method {Name} is for adapters.");
        }
    }

    public override double LearningRateRatio(Variable tensor) => settings.Share;
}

/// <summary>A method of a program's own, in C# and in run files.</summary>
public sealed class OwnMethodTests
{
    /// <summary>At half the learning rate it is the run of half the learning rate, bit for bit.</summary>
    [Fact]
    public void It_trains_in_code_and_by_its_name_in_a_run_file()
    {
        using var tiny = new TinyRun();
        byte[] half = Train(RunConfiguration.Load(tiny.WriteRun("half", "max_steps: 2", "plain"), ["learning_rate=2.5e-3"]));
        RunConfiguration inCode = RunConfiguration.Load(tiny.WriteRun("code", "max_steps: 2", "plain")) with { Method = new ShareOfRate() };
        Assert.Equal(half, Train(inCode));

        MethodCatalog.Register<ShareOfRate>();
        MethodCatalog.Register<ShareOfRate>();
        RunConfiguration inFile = RunConfiguration.Load(tiny.WriteRun("file", "max_steps: 2", "{name: share-of-rate, most: 2}"));
        Assert.Equal(new ShareOfRate { Most = 2 }, inFile.Method);
        Assert.Equal(half, Train(inFile));
        Assert.Equal(inFile.Method, RunConfiguration.Load(new RunFolder(tiny.File("file")).ConfigurationPath).Method);
        Assert.NotEqual(half, Train(RunConfiguration.Load(tiny.WriteRun("whole", "max_steps: 2", "{name: share-of-rate, share: 1}"))));

        byte[] Train(RunConfiguration run)
        {
            using var device = new CpuDevice(new CpuOptions { Threads = 2 });
            using var trainer = new Trainer(run, device);
            trainer.Train();
            return File.ReadAllBytes(Path.Combine(run.Output, "adapter", "adapter_model.safetensors"));
        }
    }

    [Theory]
    [InlineData("{name: share-of-rate, share: 0}", "own.yaml:4: method.share is '0'; expected a finite number above 0.")]
    [InlineData("{name: share-of-rate, share: 1.5}", "own.yaml:4: method.share is '1.5'; expected a number of at most most.")]
    [InlineData("{name: share-of-rate, shar: 1}", "own.yaml:4: the method share-of-rate has no key 'shar'; did you mean 'share'?")]
    [InlineData("share-of-rat", "own.yaml:4: There is no training method 'share-of-rat'; did you mean 'share-of-rate'?")]
    [InlineData("[share-of-rate, lora-plus]", "own.yaml:4: method: share-of-rate and lora-plus do not go together")]
    public void Its_keys_are_checked_as_those_of_Engines_own(string method, string expected)
    {
        MethodCatalog.Register<ShareOfRate>();
        using var tiny = new TinyRun();
        string run = tiny.WriteRun("own", method: method);
        Assert.Contains(expected, Assert.Throws<ConfigurationException>(() => RunConfiguration.Load(run)).Message);
    }

    [Fact]
    public void Its_refusals_say_where_it_is_named()
    {
        MethodCatalog.Register<ShareOfRate>();
        using var tiny = new TinyRun();
        RunConfiguration run = RunConfiguration.Load(tiny.WriteRun("own", method: "share-of-rate"), ["adapter=null"]);
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        Assert.Contains(
            "own.yaml:4: method share-of-rate is for adapters.",
            Assert.Throws<ConfigurationException>(() => PreparedRun.Create(run, device)).Message);
    }

    [Fact]
    public void Its_values_are_checked_in_code() => Assert.Contains(
        "method.share is '2'; expected a number of at most most.",
        Assert.Throws<ConfigurationException>(() => new ShareOfRate { Share = 2 }.CreatePlugIn()).Message);

    [Fact]
    public void A_name_that_is_taken_or_that_no_run_file_could_give_is_refused()
    {
        Assert.Contains("taken by Engine.Optim.Methods.Sam;", Assert.Throws<ArgumentException>(MethodCatalog.Register<SecondSam>).Message);
        Assert.Contains("expected lower-case letters", Assert.Throws<ArgumentException>(MethodCatalog.Register<TwoWords>).Message);
    }

    private sealed record SecondSam : Method
    {
        public override string Name => Sam.MethodName;

        protected override TrainingMethod Create() => throw new NotSupportedException();
    }

    private sealed record TwoWords : Method
    {
        public override string Name => "Two words";

        protected override TrainingMethod Create() => throw new NotSupportedException();
    }
}
