namespace Engine.Optim.Methods;

/// <summary>No method beyond the optimizer.</summary>
public sealed record Plain : Method
{
    internal const string MethodName = "plain";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new PlainMethod();
}

/// <summary>Every hook as it is.</summary>
internal sealed class PlainMethod : TrainingMethod
{
    public override string Name => Plain.MethodName;

    public override MethodRole Role => MethodRole.None;
}
