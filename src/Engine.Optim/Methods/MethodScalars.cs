using Engine.Kernels;

namespace Engine.Optim.Methods;

/// <summary>
/// Slots of the step's scalars (<see cref="StepScalars"/>) that belong to methods: written on the host before a step, in
/// <see cref="TrainingMethod.WriteFactors"/>, and named to the operators that read them. Of the methods
/// that run together each slot has one owner, since no two of them have one role.
/// </summary>
public static class MethodScalars
{
    /// <summary>
    /// A method's schedule factor of this step, as <see cref="TrainingMethod.Factor"/> gives it (Flat-LoRA: (1 - cos(pi t / T)) / 2).
    /// </summary>
    public const int Factor = StepScalars.OfMethods;

    /// <summary>
    /// The schedule factor of a method that rescales adapter pairs (<see cref="MethodRole.Balance"/>: BAR's mu), beside which another
    /// method may run.
    /// </summary>
    public const int BalanceFactor = StepScalars.OfMethods + 1;

    /// <summary>The weight of this step's value in a method's moving average (EFMLoRA's beta; 1 in the first step).</summary>
    public const int AverageWeight = StepScalars.OfMethods + 2;

    /// <summary>The rise of the loss that a step's radius is chosen for, or its share of the loss.</summary>
    public const int RiseTarget = StepScalars.OfMethods + 3;
}
