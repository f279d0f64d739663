using Engine.Devices.Cpu;

namespace Engine.Bench;

internal static class AttentionBench
{
    public static void Run(CpuDevice device)
    {
    }
}
