using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using Engine.Devices;
using Engine.Devices.Ilgpu;
using Engine.Tests;

namespace Engine.Kernels.Tests;

/// <summary>Every kernel as CUDA cards get it: ILGPU's PTX, assembled by ptxas where it is there.</summary>
public sealed partial class PtxTests
{
    /// <summary>Registers that two groups of 256 items on a multiprocessor leave each of them.</summary>
    private const int MostRegisters = 128;

    /// <summary>
    /// What holds more sums than 128 registers, by kernel and head size: of heads of 256 elements an item of the matrix units' Keys holds
    /// 128 sums and 16 scores, of Queries 64 and 16, and half of each of 128 elements; the groups' items hold as many. One group runs on a
    /// multiprocessor instead of two, and nothing is spilled.
    /// </summary>
    private static readonly Dictionary<(string Kernel, long HeadSize), int> MoreRegisters = new()
    {
        [("AttentionBackwardMatrixUnits_Keys", 256)] = 240,
        [("AttentionBackwardMatrixUnits_Keys", 128)] = 152,
        [("AttentionBackwardMatrixUnits_Queries", 256)] = 152,
        [("AttentionBackwardGroups_Keys", 256)] = 255,
        [("AttentionBackwardGroups_Keys", 128)] = 168,
        [("AttentionBackwardGroups_Keys", 96)] = 136,
        [("AttentionBackwardGroups_Queries", 256)] = 168,
    };

    private static readonly ConcurrentDictionary<string, string> Texts = new();

    public static TheoryData<string> Kernels { get; } = [.. KernelRegistry.All.Select(kernel => kernel.Name)];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Every_kernel_compiles_to_PTX_that_rounds_each_operation(string name)
    {
        // All take two minutes of a core.
        IEnumerable<Variant> wanted = WantedDevices.Long
            ? Variants(name)
            : Variants(name).Where(variant => variant.HasEveryFlag && variant.HeadSize is 0 or 64).Take(1);
        Parallel.ForEach(wanted, variant =>
        {
            string text = Text(variant);
            Assert.Contains($".visible .entry {name}(", text, StringComparison.Ordinal);
            Assert.DoesNotMatch(Careless(), text);
            Assert.DoesNotContain(".local", text, StringComparison.Ordinal);
            Assert.DoesNotMatch(DividedByPowerOfTwo(), text);
            Assert.DoesNotMatch(WidenedIndexOfShared(), text);
            Assert.Equal(variant.Kernel.UsesTiles, text.Contains("mma.sync.aligned.m16n8k16", StringComparison.Ordinal));
        });
    }

    /// <summary>The mended instructions, run one by one, give C#'s remainder; that of an item's index is one mask.</summary>
    [Fact]
    public void Remainders_of_powers_of_two_are_masks()
    {
        Assert.Contains(
            "and.b32\t%r2, %r1, 31;", PtxText.Mend("\n\tmov.b32\t%r1, %tid.x;\n\trem.s32\t%r2, %r1, 32;\n"), StringComparison.Ordinal);
        string mended = PtxText.Mend("\n\trem.s32\t%r2, %r1, 32;\n");
        Assert.All((int[])[int.MinValue, int.MinValue + 1, .. Enumerable.Range(-65, 131), int.MaxValue], value =>
        {
            var registers = new Dictionary<string, int> { ["%r1"] = value };
            foreach (Match instruction in Instruction().Matches(mended))
            {
                int a = registers[instruction.Groups[3].Value];
                int b = registers.TryGetValue(instruction.Groups[4].Value, out int held)
                    ? held
                    : int.Parse(instruction.Groups[4].Value, CultureInfo.InvariantCulture);
                registers[instruction.Groups[2].Value] = instruction.Groups[1].Value switch
                {
                    "shr.s32" => a >> b,
                    "and.b32" => a & b,
                    "add.s32" => a + b,
                    "sub.s32" => a - b,
                    string other => throw new NotSupportedException($"Nothing is known of {other} here; add what it computes."),
                };
            }

            Assert.Equal(value % 32, registers["%r2"]);
        });
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
    [Trait("Category", "Long")]
    public void Texts_made_side_by_side_are_those_made_alone()
    {
        Variant[] variants = [.. KernelRegistry.All.Take(24).Select(kernel => Variants(kernel.Name).First())];
        var together = new string[variants.Length];
        Parallel.For(0, variants.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => together[i] = Compile(variants[i]));
        Assert.Equal(variants.Select(Text), together);
    }

    /// <summary>B of a product goes past the registers where its rows allow, and through them where they do not.</summary>
    [Fact]
    [Trait("Category", "Long")]
    public void Copies_are_asynchronous() => Assert.All(Variants("MatMulMatrixUnits_Multiply"), variant =>
        Assert.All(["cp.async.cg.shared.global\t[", "cp.async.commit_group;", "cp.async.wait_group\t0;"], instruction =>
            Assert.Equal(variant.Constant("inCopies") == 1, Text(variant).Contains(instruction, StringComparison.Ordinal))));

    /// <summary>With every flag on and of the larger heads: what is left out takes no registers.</summary>
    [PtxasTheory]
    [Trait("Category", "Long")]
    [MemberData(nameof(Kernels))]
    public void Every_kernel_fits_the_registers_of_a_card(string name)
    {
        Parallel.ForEach(Variants(name).Where(variant => variant.HasEveryFlag && variant.HeadSize is 0 or 64 or > 80), variant =>
        {
            foreach (string architecture in (string[])["sm_80", "sm_90"])
            {
                Ptxas.Usage usage = Ptxas.Assemble(Text(variant), architecture);
                int most = MoreRegisters.GetValueOrDefault((name, variant.HeadSize), MostRegisters);
                Assert.True(
                    usage.StackBytes == 0 && usage.Registers <= most,
                    $"{variant} for {architecture} uses {usage}; at most {most} registers and no stack were expected.");
            }
        });
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

    /// <summary>
    /// A flag that is on in a variant of its own, with heads of 64 elements, as a window and a cap are: few models have it, and what it
    /// takes must not hide what the others take.
    /// </summary>
    private const string Alone = "bias";

    private sealed record Variant(KernelDefinition Kernel, KernelVariant Of, long HeadSize)
    {
        /// <summary>
        /// Whether every flag is on, or those alone are off that put something in the place of what they leave out, or that are looked at
        /// by themselves.
        /// </summary>
        public bool HasEveryFlag =>
            Constants.All(constant =>
                constant.First.Type != ElementType.UInt8 || constant.First.Name is "inCopies" or Alone || constant.Second == 1);

        private IEnumerable<(KernelParameter First, long Second)> Constants =>
            Kernel.Parameters.Where(parameter => parameter.Kind == KernelParameterKind.Specialized).Zip(Of.Constants);

        public long Constant(string name) => Constants.Single(constant => constant.First.Name == name).Second;

        public override string ToString() => $"{Kernel.Name}{Of}";
    }

    /// <summary>
    /// What launches ask for, along one axis at a time: around a variant with every flag on, and around one with every flag off,
    /// each type of storage and each value of each constant; head sizes, whose kernels are long, only with every flag on.
    /// </summary>
    private static IEnumerable<Variant> Variants(string name)
    {
        KernelDefinition kernel = KernelRegistry.All.Single(kernel => kernel.Name == name);
        KernelParameter[] constants = [.. kernel.Parameters.Where(parameter => parameter.Kind == KernelParameterKind.Specialized)];
        ImmutableArray<ElementType>[] storages = Storages(kernel);
        return ((bool[])[true, false]).SelectMany(Around).DistinctBy(variant => variant.ToString());

        IEnumerable<Variant> Around(bool flags)
        {
            long[] middle =
                [.. constants.Select(parameter => parameter.Type == ElementType.UInt8 && parameter.Name != Alone ? (flags ? 1 : 0)
                    : Values(parameter)[^1])];
            IEnumerable<long[]> values = constants.SelectMany((parameter, i) => Values(parameter)
                .Where(_ => flags || parameter.Name != "headSize").Select(value => (long[])[.. middle[..i], value, .. middle[(i + 1)..]]));
            return storages.Select(storage => Of(storage, middle)).Concat(values.Select(value => Of(storages[0], value)));
        }

        Variant Of(ImmutableArray<ElementType> storage, long[] values)
        {
            int at = Array.FindIndex(constants, parameter => parameter.Name == "headSize");
            long head = at < 0 ? 0 : values[at];
            return new Variant(kernel, new KernelVariant(storage, [.. constants.Zip(values, (parameter, value) => parameter.Name switch
            {
                "columns" => (head + GroupTiles.Side - 1) / GroupTiles.Side,
                "tiles" => AttentionTiles.Tiles((int)head),
                _ => value,
            })]), head);
        }
    }

    /// <summary>A kernel's type parameters: a weight's storage, beside float32 where there are two.</summary>
    private static ImmutableArray<ElementType>[] Storages(KernelDefinition kernel)
    {
        ElementType[] rounded = [ElementType.Float16, ElementType.BFloat16];
        ElementType[] weights = kernel.TileTypes.IsEmpty ? [ElementType.Float32, .. rounded] : rounded;
        return kernel.TypeParameters.Length switch
        {
            0 => [[]],
            1 => [.. weights.Select(weight => ImmutableArray.Create(weight))],
            2 => [.. weights.SelectMany(weight =>
                (ImmutableArray<ElementType>[])[[ElementType.Float32, weight], [weight, ElementType.Float32]])],
            int count => throw new NotSupportedException($"{kernel.Name} has {count} type parameters; add what launches bind them to."),
        };
    }

    /// <summary>The values of a constant that launches ask for; around the last one the other constants take theirs.</summary>
    private static long[] Values(KernelParameter parameter) => parameter.Name switch
    {
        "headSize" => [16, 32, 80, 96, 128, 256, 64],
        "columns" or "tiles" => [0], // follow from the head size
        "window" => [96, 0],
        Alone => [1, 0],
        "softCap" => [AttentionMask.CapBits(50f), 0],
        "groupSize" => [32, 256],
        "rowsPerChunk" => [LaunchShapes.RowsPerChunk],
        "termsPerItem" => [LaunchShapes.TermsPerItem],
        "width" => [1, 2, 4, 8, MatMulThinGroups.MaxNarrow],
        "kind" or "activation" => [.. Enum.GetValues<ActivationKind>().Select(kind => (long)kind), (long)ActivationKind.GeluErf],
        "layout" => [(long)MatMulLayout.NN, (long)MatMulLayout.TN, (long)MatMulLayout.NT],
        "map" => [.. Enum.GetValues<SegmentMap>().Select(map => (long)map)],
        _ when parameter.Type == ElementType.UInt8 => [0, 1],
        _ =>
            throw new NotSupportedException($"No values of the constant {parameter.Name} are known here; add those that launches ask for."),
    };

    /// <summary>What ptxas may contract, and extrema that lose a NaN.</summary>
    [GeneratedRegex(@"\b(add|sub|mul|min|max)\.f(32|64)")]
    private static partial Regex Careless();

    /// <summary>ptxas divides for it as for any other remainder.</summary>
    [GeneratedRegex(@"\brem\.[su](32|64)\s+%\w+, %\w+, (1|2|4|8|16|32|64|128|256);")]
    private static partial Regex DividedByPowerOfTwo();

    /// <summary>An address of shared memory in 64 bits, of which ptxas makes an instruction of its own for every element.</summary>
    [GeneratedRegex(
        @"\bmov\.b64\s+(?<base>%rd\d+), __shared_\w+;.*\bmul\.wide\.[su]32\s+(?<offset>%rd\d+), %r\d+, \d+;\s+add\.u64\s+%rd\d+, \k<base>, \k<offset>;", RegexOptions.Singleline)]
    private static partial Regex WidenedIndexOfShared();

    [GeneratedRegex(@"(\w+\.[sb]32)\s+(%\w+), (%\w+), ([%\w]+);")]
    private static partial Regex Instruction();
}
