namespace Engine.Devices.OpenCl;

/// <summary>Which of AMD's chips have matrix units that the tile prelude has a form for. OpenCL does not tell; the device's name is its architecture, with features behind colons.</summary>
internal static class AmdMatrixUnits
{
    /// <summary>Work-items that hold a tile together: the lanes of a wave. 0: no matrix units.</summary>
    /// <param name="deviceName">CL_DEVICE_NAME, as in <c>gfx90a:sramecc+:xnack-</c>.</param>
    public static int TileItems(string deviceName) => deviceName.Split(':')[0] switch
    {
        "gfx90a" or "gfx940" or "gfx941" or "gfx942" => 64,
        "gfx1100" or "gfx1101" or "gfx1102" or "gfx1103" or "gfx1150" or "gfx1151" => 32,
        _ => 0,
    };
}
