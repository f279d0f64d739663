using Engine.Common;
using Engine.Common.Keys;
using Engine.Model.Forms;

namespace Engine.Optim.Methods;

/// <summary>What a method does to the base weights of adapted layers.</summary>
public enum BaseWeightUse
{
    /// <summary>Nothing.</summary>
    Frozen,

    /// <summary>It adds adapters to them and keeps these, so that base and result differ by an adapter.</summary>
    Merged,

    /// <summary>It writes them so that the result has to hold them.</summary>
    Rewritten,
}

/// <summary>
/// A training method with its settings, as a program writes it and the <c>method</c> of a run file gives it: properties with a
/// <see cref="KeyAttribute"/> are its keys. Derive from it for a method of your own; run files know that one once
/// <see cref="MethodCatalog.Register"/> does.
/// </summary>
public abstract record Method
{
    /// <summary>What run files and messages call it.</summary>
    public abstract string Name { get; }

    /// <summary>What it does to the base weights of adapted layers.</summary>
    public virtual BaseWeightUse BaseWeights => BaseWeightUse.Frozen;

    /// <summary>What the adapters that it trains compute; null: LoRA or DoRA, as the run has it.</summary>
    internal virtual AdapterForm? Form => null;

    /// <summary>
    /// Where a run file or a command names the method, for messages; null where none does. Methods are equal wherever they are named.
    /// </summary>
    internal string? Location { get; init; }

    /// <summary>The method at work: the hooks of a training session.</summary>
    /// <exception cref="ConfigurationException">A value that its key does not take, or methods that do not go together.</exception>
    public TrainingMethod CreatePlugIn()
    {
        Check();
        TrainingMethod plugIn = Create();
        plugIn.Location = Location;
        return plugIn;
    }

    /// <inheritdoc/>
    public virtual bool Equals(Method? other) => other is not null && EqualityContract == other.EqualityContract;

    /// <inheritdoc/>
    public override int GetHashCode() => EqualityContract.GetHashCode();

    /// <summary>Refuses a value that its key does not take.</summary>
    internal virtual void Check() => KeyBounds.Check(this, "method.");

    /// <summary>Makes the plug-in. Every value is one that its key takes.</summary>
    protected abstract TrainingMethod Create();
}
