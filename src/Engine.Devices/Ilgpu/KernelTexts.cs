using System.Text;
using Engine.Devices.Programs;

namespace Engine.Devices.Ilgpu;

/// <summary>Makes the device text of a kernel's variant.</summary>
internal delegate string TextCompiler(KernelDefinition kernel, KernelVariant variant);

/// <summary>
/// Device text of kernel variants: from the disk cache, else made by ILGPU. A text is kept under what it depends on: the assemblies of the
/// kernel and of this library, ILGPU's version, storage types and constants, and what it is compiled for.
/// </summary>
/// <param name="target">What the text is for, such as an architecture.</param>
internal sealed class KernelTexts(ProgramCache cache, string target, TextCompiler compile)
{
    /// <summary>The key of a call's variant.</summary>
    public ProgramKey Key(KernelCall call) => ProgramKey.Of(
        $"{call.Definition.Name} {call.Variant}",
        target,
        $"{call.Definition.DeviceCode.Module.ModuleVersionId} {typeof(KernelTexts).Module.ModuleVersionId}",
        $"ILGPU {IlgpuCompiler.Version}");

    /// <summary>The text of a call's variant.</summary>
    /// <param name="key">The variant's <see cref="Key"/>.</param>
    /// <exception cref="DeviceException">ILGPU refuses the kernel.</exception>
    public string Get(ProgramKey key, KernelCall call)
    {
        if (cache.Find(key) is { } kept)
        {
            return Encoding.UTF8.GetString(kept);
        }

        string text = compile(call.Definition, call.Variant);
        cache.Store(key, Encoding.UTF8.GetBytes(text));
        return text;
    }
}
