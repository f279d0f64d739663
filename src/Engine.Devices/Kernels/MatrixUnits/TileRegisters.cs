namespace Engine.Devices.Kernels;

/// <summary>A lane's part of an operand of <see cref="WarpTile"/>: eight 16-bit elements, two in a register, the one with the lower index of the summed dimension in the low half.</summary>
public struct TileRegisters
{
    public uint R0;
    public uint R1;
    public uint R2;
    public uint R3;
}

/// <summary>A lane's part of 16 x 16 sums of <see cref="WarpTile"/>: four of columns 0 to 7, then four of columns 8 to 15.</summary>
public struct SumRegisters
{
    public float R0;
    public float R1;
    public float R2;
    public float R3;
    public float R4;
    public float R5;
    public float R6;
    public float R7;
}
