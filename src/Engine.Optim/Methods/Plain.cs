namespace Engine.Optim.Methods;

/// <summary>No method beyond the optimizer.</summary>
public sealed record Plain : Method
{
    public const string MethodName = "plain";

    public override string Name => MethodName;

    protected override TrainingMethod Create() => new PlainMethod();
}

/// <summary>Every hook as it is.</summary>
internal sealed class PlainMethod : TrainingMethod
{
    public override string Name => Plain.MethodName;

    public override MethodRole Role => MethodRole.None;
}
