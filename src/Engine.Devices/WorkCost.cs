namespace Engine.Devices;

/// <summary>What work asks of a device.</summary>
/// <param name="Bytes">Bytes that are read from and written to the device's memory.</param>
/// <param name="Operations">Floating-point operations of matrix products, 2 for a multiply-add. What else is computed is little beside the
/// memory that is moved.</param>
internal readonly record struct WorkCost(long Bytes, double Operations)
{
    public static WorkCost operator +(WorkCost a, WorkCost b) => new(a.Bytes + b.Bytes, a.Operations + b.Operations);
}
