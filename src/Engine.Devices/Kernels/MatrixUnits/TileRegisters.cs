namespace Engine.Devices.Kernels;

/// <summary>
/// A lane's part of an operand of <see cref="WarpTile"/>: eight 16-bit elements, two in a register, the one with the lower index of the
/// summed dimension in the low half.
/// </summary>
public struct TileRegisters
{
    /// <summary>Two elements each, of neighbouring places of the summed dimension.</summary>
    public uint R0, R1, R2, R3;
}

/// <summary>A lane's part of 16 x 16 sums of <see cref="WarpTile"/>: four of columns 0 to 7, then four of columns 8 to 15.</summary>
public struct SumRegisters
{
    /// <summary>One sum each.</summary>
    public float R0, R1, R2, R3, R4, R5, R6, R7;
}
