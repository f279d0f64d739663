using Engine.Devices.Programs;

namespace Engine.Devices.Ilgpu;

/// <summary>
/// Device text of kernel variants: from the disk cache, else made by ILGPU. A text is kept under what it depends on: the assemblies of the kernel and of this library, ILGPU's version,
/// storage types and constants, and what it is compiled for.
/// </summary>
/// <param name="target">What the text is for, such as an architecture.</param>
/// <param name="compile">Makes the text of a kernel with storage types and constants.</param>
internal sealed class KernelTexts(ProgramCache cache, string target, Func<KernelDefinition, IReadOnlyList<ElementType>, IReadOnlyList<long>, string> compile)
{
    /// <summary>The key of a call's variant.</summary>
    public ProgramKey Key(KernelCall call) => ProgramKey.Of(
        $"{call.Definition.Name} {string.Join(',', call.Types)} {string.Join(',', call.Constants)}",
        target,
        $"{call.Definition.DeviceCode.Module.ModuleVersionId} {typeof(KernelTexts).Module.ModuleVersionId}",
        $"ILGPU {IlgpuCompiler.Version}");

    /// <summary>The text of a call's variant.</summary>
    /// <exception cref="DeviceException">ILGPU refuses the kernel.</exception>
    public string Get(KernelCall call)
    {
        ProgramKey key = Key(call);
        if (cache.Find(key) is { } kept)
        {
            return System.Text.Encoding.UTF8.GetString(kept);
        }

        string text = compile(call.Definition, call.Types, call.Constants);
        cache.Store(key, System.Text.Encoding.UTF8.GetBytes(text));
        return text;
    }
}
