using Engine.Devices;
using Engine.Devices.Ilgpu;

namespace Engine.Kernels;

/// <summary>The language of a kernel's device text.</summary>
public enum DeviceLanguage
{
    /// <summary>OpenCL C.</summary>
    OpenCl,

    /// <summary>NVIDIA's PTX.</summary>
    Ptx,
}

/// <summary>The device text of a kernel's variant.</summary>
/// <param name="FileName">A name of its own, such as <c>softmax.2.ptx</c>.</param>
/// <param name="Text">The text; its first line, a comment, says which variant it is and where the kernel stands.</param>
public sealed record DeviceText(string Kernel, string FileName, string Text);

/// <summary>The texts that ILGPU makes of the kernels; no device is needed.</summary>
public static class DeviceTexts
{
    /// <summary>The names of the kernels that a language can say, in their order.</summary>
    public static IEnumerable<string> Names(DeviceLanguage language) => Kernels(language).Select(kernel => kernel.Name);

    /// <summary>
    /// Every kernel that the language can say, for samples of the storage types and constants that launches choose. Compiled on all
    /// processors, as they are asked for.
    /// </summary>
    /// <param name="names">The kernels wanted, of <see cref="Names"/>; null for all.</param>
    public static IEnumerable<DeviceText> Of(DeviceLanguage language, IReadOnlyCollection<string>? names = null)
    {
        return Kernels(language)
            .Where(kernel => names is null || names.Contains(kernel.Name))
            .SelectMany(kernel => kernel.SampleVariants().Select((variant, i) => (Kernel: kernel, Variant: variant, Number: i + 1)))
            .AsParallel()
            .AsOrdered()
            .Select(sample => Compile(sample.Kernel, sample.Variant, sample.Number, language));
    }

    private static IEnumerable<KernelDefinition> Kernels(DeviceLanguage language) =>
        KernelRegistry.All.Where(kernel => language == DeviceLanguage.Ptx || !kernel.UsesShuffles);

    private static DeviceText Compile(KernelDefinition kernel, KernelVariant variant, int number, DeviceLanguage language)
    {
        bool isPtx = language == DeviceLanguage.Ptx;
        string text = isPtx ? IlgpuCompiler.Ptx(kernel, variant) : IlgpuCompiler.OpenCl(kernel, variant);
        return new DeviceText(
            kernel.Name, $"{kernel.Name}.{number}{(isPtx ? ".ptx" : ".cl")}", $"// {kernel.Name}{variant}: {kernel.Location}\n{text}");
    }
}
