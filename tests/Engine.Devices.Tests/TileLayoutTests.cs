using Engine.Devices.OpenCl;
using Engine.Tests;

namespace Engine.Devices.Tests;

/// <summary>
/// Which element each lane holds, for every kind of matrix unit. The tile prelude's text runs on an OpenCL device, lane by lane, up to the registers; the instruction is then computed here
/// from the documented layouts, and its result goes back through the prelude. No card is needed, and an index that is wrong gives a wrong product.
/// </summary>
[Collection(DeviceCollection.Name)]
public sealed class TileLayoutTests(TestDevices devices)
{
    private const int Pitch = 128;

    private const int Stride = 19;

    /// <summary>A place in a lane's registers.</summary>
    private readonly record struct Place(int Lane, int Element);

    /// <summary>A matrix unit as its maker documents it: where the instruction wants element (row, column). WMMA wants each operand twice.</summary>
    private sealed record Unit(int Lanes, Func<int, int, Place[]> A, Func<int, int, Place[]> B, Func<int, int, Place> Sum);

    private static Unit Documented(string form) => form switch
    {
        // PTX ISA, mma.m16n8k16: two instructions, whose B and sums are columns 0 to 7 and 8 to 15.
        "TILE_MMA" => new Unit(
            32,
            (row, column) => [Find(32, 8, (group, thread, i) => (i is < 2 or (>= 4 and < 6) ? group : group + 8, (thread * 2) + (i & 1) + (i < 4 ? 0 : 8)), row, column)],
            (row, column) => [Half(Find(32, 4, (group, thread, i) => ((thread * 2) + (i & 1) + (i < 2 ? 0 : 8), group), row, column % 8), column)],
            (row, column) => Half(Find(32, 4, (group, thread, i) => (i < 2 ? group : group + 8, (thread * 2) + (i & 1)), row, column % 8), column)),

        // AMD matrix instruction calculator, v_mfma_f32_16x16x16f16 on CDNA2.
        "TILE_MFMA" => new Unit(
            64,
            (row, column) => [new Place(row + (16 * (column / 4)), column % 4)],
            (row, column) => [new Place(column + (16 * (row / 4)), row % 4)],
            (row, column) => new Place(column + (16 * (row / 4)), row % 4)),

        // RDNA3, v_wmma_f32_16x16x16_f16 in wave32.
        "TILE_WMMA" => new Unit(
            32,
            (row, column) => [new Place(row, column), new Place(row + 16, column)],
            (row, column) => [new Place(column, row), new Place(column + 16, row)],
            (row, column) => new Place(column + (16 * (row % 2)), row / 2)),
        _ => throw new ArgumentException(form),
    };

    public static TheoryData<string, string> DevicesAndForms
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (object[] device in (IEnumerable<object[]>)TestDevices.OpenCl)
            {
                foreach (string form in new[] { "TILE_MMA", "TILE_MFMA", "TILE_WMMA" })
                {
                    rows.Add((string)device[0], form);
                }
            }

            return rows;
        }
    }

    [OpenClTheory]
    [MemberData(nameof(DevicesAndForms))]
    public void Registers_hold_what_the_instruction_wants_and_its_sums_go_where_they_belong(string id, string form)
    {
        Unit unit = Documented(form);
        ushort[] a = [.. Enumerable.Range(0, 16 * Stride).Select(i => (ushort)((i * 7919) % 61))];
        ushort[] b = [.. Enumerable.Range(0, 16 * Stride).Select(i => (ushort)((i * 104729) % 53))];
        foreach ((int orderA, int orderB) in new[] { (0, 0), (0, 1), (1, 0), (1, 1) })
        {
            (int[] registersA, int[] registersB) = Load(id, form, unit.Lanes, a, b, orderA, orderB);
            var sums = new float[unit.Lanes * Pitch];
            var expected = new float[256];
            for (int row = 0; row < 16; row++)
            {
                for (int column = 0; column < 16; column++)
                {
                    float product = 0f;
                    for (int k = 0; k < 16; k++)
                    {
                        product += Only(registersA, unit.A(row, k)) * Only(registersB, unit.B(k, column));
                        expected[(row * 16) + column] += (row + 1) * At(a, row, k, orderA) * At(b, k, column, orderB);
                    }

                    Place place = unit.Sum(row, column);
                    sums[(place.Lane * Pitch) + place.Element] = product;
                }
            }

            Assert.Equal(expected, Store(id, form, unit.Lanes, sums));
        }
    }

    /// <summary>Chips by name, and the form and team that the prelude's text takes when it is compiled for them.</summary>
    [ClangTheory]
    [InlineData("gfx90a", "TILE_MFMA")]
    [InlineData("gfx942", "TILE_MFMA")]
    [InlineData("gfx1100", "TILE_WMMA")]
    [InlineData("gfx1101", "TILE_WMMA")]
    [InlineData("gfx1102", "TILE_WMMA")]
    [InlineData("gfx1103", "TILE_WMMA")]
    [InlineData("gfx1150", "TILE_WMMA")]
    [InlineData("gfx1151", "TILE_WMMA")]
    [InlineData("gfx908", "TILE_LOOPS")]
    [InlineData("gfx1030", "TILE_LOOPS")]
    [InlineData("gfx1201", "TILE_LOOPS")]
    public void A_chip_is_launched_with_the_team_that_its_text_has(string chip, string form)
    {
        string text = DeviceTextCompiler.Preprocess(TilePrelude.Layouts + $"form_is_right=(TILE_FORM == {form}) items=TILE_ITEMS\n", chip);
        int items = AmdMatrixUnits.TileItems(chip + ":sramecc+:xnack-");
        Assert.Equal(form != "TILE_LOOPS", items > 0);
        Assert.Contains($"form_is_right=({Number(form)} == {Number(form)}) items={(items > 0 ? items : 32)}", text, StringComparison.Ordinal);
    }

    private static int Number(string form) => Array.IndexOf(["TILE_LOOPS", "TILE_MMA", "TILE_MFMA", "TILE_WMMA"], form);

    private (int[] A, int[] B) Load(string id, string form, int lanes, ushort[] a, ushort[] b, int orderA, int orderB)
    {
        Device device = devices[id];
        using DeviceBuffer bufferA = device.Allocate(2 * a.Length, "test"), bufferB = device.Allocate(2 * b.Length, "test");
        using DeviceBuffer registersA = device.Allocate(4L * lanes * Pitch, "test"), registersB = device.Allocate(4L * lanes * Pitch, "test");
        bufferA.View<ushort>().Write(a);
        bufferB.View<ushort>().Write(b);
        Run(device, form, lanes, "Load", ["u16", "u16", "int", "int"], [
            KernelArgument.View(bufferA.View<ushort>()), KernelArgument.View(bufferB.View<ushort>()), KernelArgument.View(registersA.View<int>()), KernelArgument.View(registersB.View<int>()),
        ], $$"""
                tile_a x = TILE_LOAD_A(GLOBAL, v0, 0, {{Stride}}, {{orderA}});
                tile_b y = TILE_LOAD_B(GLOBAL, v1, 0, {{Stride}}, {{orderB}});
                for (int e = 0; e < TILE_A_COUNT; e++) v2[ITEM_ID * {{Pitch}} + e] = x.e[e];
                for (int e = 0; e < TILE_B_COUNT; e++) v3[ITEM_ID * {{Pitch}} + e] = y.e[e];
            """);
        return (registersA.View<int>().ToArray(), registersB.View<int>().ToArray());
    }

    private float[] Store(string id, string form, int lanes, float[] sums)
    {
        Device device = devices[id];
        using DeviceBuffer registers = device.Allocate(4L * sums.Length, "test"), factors = device.Allocate(64, "test"), result = device.Allocate(1024, "test");
        registers.View<float>().Write(sums);
        factors.View<float>().Write([.. Enumerable.Range(1, 16).Select(i => (float)i)]);
        Run(device, form, lanes, "Store", ["float", "float", "float"], [
            KernelArgument.View(registers.View<float>()), KernelArgument.View(factors.View<float>()), KernelArgument.View(result.View<float>()),
        ], $$"""
                tile_sum c;
                for (int e = 0; e < TILE_SUM_COUNT; e++) c.e[e] = v0[ITEM_ID * {{Pitch}} + e];
                TILE_STORE(GLOBAL, v2, 0, 16, TILE_SCALE_ROWS(GLOBAL, v1, 0, c));
            """);
        return result.View<float>().ToArray();
    }

    /// <summary>Runs a body of the dialect on views v0, v1, ... with the tile prelude in the given form, in one group of one team.</summary>
    private static void Run(Device device, string form, int lanes, string name, string[] types, KernelArgument[] views, string body)
    {
        string parameters = string.Join(", ", types.Select((type, i) => $"GLOBAL {type}* v{i}_base, i64 v{i}_offset, i64 v{i}_length"));
        string declarations = string.Concat(types.Select((type, i) => $"    GLOBAL {type}* v{i} = VIEW({type}, v{i}_base, v{i}_offset);\n"));
        var definition = new KernelDefinition(
            $"Tests_{name}", "TileLayoutTests.cs", [], [.. types.Select((_, i) => new KernelParameter($"v{i}", KernelParameterKind.View, ElementType.Float32, null))],
            $"#define TILE_FORM {Number(form)}\n{TilePrelude.Layouts}\nKERNEL void Tests_{name}({parameters})\n{{\n{declarations}{body}\n}}\n");
        using Launch launch = device.Bind(new HandWrittenCall(definition) { Arguments = [.. views], Shape = new LaunchShape(1, lanes) });
        launch.Enqueue();
        device.Synchronize();
    }

    /// <summary>The one value that every one of these places holds.</summary>
    private static float Only(int[] registers, Place[] places) => Assert.Single(places.Select(place => registers[(place.Lane * Pitch) + place.Element]).Distinct());

    private static float At(ushort[] matrix, int row, int column, int order) => matrix[order == 0 ? (row * Stride) + column : (column * Stride) + row];

    /// <summary>Inverts a documented formula, which gives row and column of element i of a lane in PTX's terms: the lane's group of four, and the thread in it.</summary>
    private static Place Find(int lanes, int elements, Func<int, int, int, (int Row, int Column)> formula, int row, int column) => Assert.Single(
        from lane in Enumerable.Range(0, lanes)
        from i in Enumerable.Range(0, elements)
        where formula(lane >> 2, lane % 4, i) == (row, column)
        select new Place(lane, i));

    /// <summary>Registers of the second instruction's 16 x 8 come after those of the first.</summary>
    private static Place Half(Place place, int column) => place with { Element = place.Element + (column < 8 ? 0 : 4) };
}
