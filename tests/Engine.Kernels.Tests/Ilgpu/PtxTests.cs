using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Engine.Devices;
using Engine.Devices.Ilgpu;

namespace Engine.Kernels.Tests;

/// <summary>Every kernel as CUDA cards get it: ILGPU's PTX, assembled by ptxas where it is there.</summary>
public sealed partial class PtxTests
{
    /// <summary>Registers that two groups of 256 items on a multiprocessor leave each of them.</summary>
    private const int MostRegisters = 128;

    /// <summary>
    /// What holds more sums than 128 registers, by kernel and head size: of heads of 256 elements an item of the matrix units' Keys holds 128 sums and 16 scores, of Queries 64 and 16, and half
    /// of each of 128 elements; the groups' items hold as many. One group runs on a multiprocessor instead of two, and nothing is spilled.
    /// </summary>
    private static readonly Dictionary<(string Kernel, long HeadSize), int> MoreRegisters = new()
    {
        [("AttentionBackwardMatrixUnits_Keys", 256)] = 224,
        [("AttentionBackwardMatrixUnits_Keys", 128)] = 152,
        [("AttentionBackwardMatrixUnits_Queries", 256)] = 152,
        [("AttentionBackwardGroups_Keys", 256)] = 224,
        [("AttentionBackwardGroups_Keys", 128)] = 152,
        [("AttentionBackwardGroups_Queries", 256)] = 152,
    };

    private static readonly ConcurrentDictionary<string, string> Texts = new();

    public static TheoryData<string> Kernels { get; } = [.. KernelRegistry.All.Select(kernel => kernel.Name)];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Every_kernel_compiles_to_PTX_that_rounds_each_operation(string name)
    {
        foreach (Variant variant in Variants(name))
        {
            string text = Text(variant);
            Assert.Contains($".visible .entry {name}(", text, StringComparison.Ordinal);
            Assert.DoesNotMatch(Careless(), text);
            Assert.DoesNotContain(".local", text, StringComparison.Ordinal);
            Assert.Equal(variant.Kernel.UsesTiles, text.Contains("mma.sync.aligned.m16n8k16", StringComparison.Ordinal));
        }
    }

    /// <summary>Text is a key of compiled programs.</summary>
    [Fact]
    public void A_second_compilation_gives_the_same_bytes() => Assert.All(["AdamWKernels_Step", "NoiseKernels_Normals"], name =>
    {
        Variant variant = Variants(name).First();
        Assert.Equal(Compile(variant), Compile(variant));
    });

    /// <summary>A plan's kernels are compiled by several threads.</summary>
    [Fact]
    public void Texts_made_side_by_side_are_those_made_alone()
    {
        Variant[] variants = [.. KernelRegistry.All.Take(24).Select(kernel => Variants(kernel.Name).First())];
        var together = new string[variants.Length];
        Parallel.For(0, variants.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => together[i] = Compile(variants[i]));
        Assert.Equal(variants.Select(Text), together);
    }

    [PtxasTheory]
    [Trait("Category", "Long")]
    [MemberData(nameof(Kernels))]
    public void Every_kernel_fits_the_registers_of_a_card(string name)
    {
        foreach (Variant variant in Variants(name))
        {
            foreach (string architecture in (string[])["sm_80", "sm_90"])
            {
                Ptxas.Usage usage = Ptxas.Assemble(Text(variant), architecture);
                int most = MoreRegisters.GetValueOrDefault((name, variant.HeadSize), MostRegisters);
                Assert.True(usage.StackBytes == 0 && usage.Registers <= most, $"{variant} for {architecture} uses {usage}; at most {most} registers and no stack were expected.");
            }
        }
    }

    /// <summary>Cards before matrix units get a text of their own, without instructions that came later.</summary>
    [PtxasTheory]
    [MemberData(nameof(Kernels))]
    public void Every_kernel_without_tiles_is_assembled_for_an_old_card(string name)
    {
        foreach (Variant variant in Variants(name).Where(variant => !variant.Kernel.UsesTiles).Take(1))
        {
            Ptxas.Usage usage = Ptxas.Assemble(IlgpuCompiler.Ptx(variant.Kernel, variant.Of, 61), "sm_61");
            Assert.True(usage.StackBytes == 0, $"{variant} for sm_61 uses {usage}; no stack was expected.");
        }
    }

    private static string Text(Variant variant) => Texts.GetOrAdd(variant.ToString(), _ => Compile(variant));

    private static string Compile(Variant variant) => IlgpuCompiler.Ptx(variant.Kernel, variant.Of);

    private sealed record Variant(KernelDefinition Kernel, KernelVariant Of, long HeadSize)
    {
        public override string ToString() => $"{Kernel.Name}{Of}";
    }

    /// <summary>What launches ask for: each storage type, flags off and on, else the constants that print the most. Head sizes, whose kernels are long, take turns with both.</summary>
    private static IEnumerable<Variant> Variants(string name)
    {
        KernelDefinition kernel = KernelRegistry.All.Single(kernel => kernel.Name == name);
        KernelParameter[] constants = [.. kernel.Parameters.Where(parameter => parameter.Kind == KernelParameterKind.Specialized)];
        ElementType[] storages = kernel.TypeParameters.IsEmpty ? [ElementType.Float32]
            : kernel.UsesTiles ? [ElementType.Float16, ElementType.BFloat16]
            : [ElementType.Float32, ElementType.Float16, ElementType.BFloat16];
        if (constants.Any(parameter => parameter.Name == "headSize"))
        {
            return [Of(storages[0], 80, 0), Of(storages[^1], 128, 1), Of(storages[^1], 256, 1)];
        }

        return from storage in storages
               from flag in constants.Any(parameter => parameter.Type == ElementType.UInt8) ? (long[])[0, 1] : [1]
               select Of(storage, 0, flag);

        Variant Of(ElementType storage, long head, long flag) =>
            new(kernel, new KernelVariant([.. kernel.TypeParameters.Select(_ => storage)], [.. constants.Select(parameter => Value(parameter, head, flag))]), head);
    }

    private static long Value(KernelParameter parameter, long head, long flag) => parameter.Name switch
    {
        "headSize" => head,
        "columns" => (head + 15) / 16,
        "tiles" => AttentionTiles.Tiles((int)head),
        "groupSize" => 256,
        "rowsPerChunk" => 64,
        "termsPerItem" => 16,
        "width" => MatMulThinGroups.MaxNarrow,
        "kind" or "activation" => (long)ActivationKind.GeluErf,
        "layout" => (long)MatMulLayout.NT,
        "map" => 1,
        _ when parameter.Type == ElementType.UInt8 => flag,
        _ => throw new NotSupportedException($"No value of the constant {parameter.Name} is known here; add the one that prints the most."),
    };

    /// <summary>What ptxas may contract, and extrema that lose a NaN.</summary>
    [GeneratedRegex(@"\b(add|sub|mul|min|max)\.f(32|64)")]
    private static partial Regex Careless();
}
