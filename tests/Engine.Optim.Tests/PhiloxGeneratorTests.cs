using Engine.Devices;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Engine.Optim;
using Engine.Tests;

namespace Engine.Optim.Tests;

public sealed class PhiloxGeneratorTests
{
    [Fact]
    public void Words_equal_the_published_known_answers()
    {
        using JsonDocument goldens = JsonDocument.Parse(File.ReadAllBytes(SharedFiles.Path("goldens/small/philox.json")));
        foreach (JsonElement golden in goldens.RootElement.GetProperty("words").EnumerateArray())
        {
            uint[] counter = Numbers(golden.GetProperty("counter"));
            uint[] key = Numbers(golden.GetProperty("key"));
            uint[] output = Numbers(golden.GetProperty("output"));
            PhiloxWords words = PhiloxGenerator.Words(new PhiloxWords(counter[0], counter[1], counter[2], counter[3]), key[0], key[1]);
            Assert.Equal(new PhiloxWords(output[0], output[1], output[2], output[3]), words);
        }
    }

    [Fact]
    public void Normals_equal_the_goldens_element_by_element()
    {
        using JsonDocument goldens = JsonDocument.Parse(File.ReadAllBytes(SharedFiles.Path("goldens/small/philox.json")));
        byte[] file = File.ReadAllBytes(SharedFiles.Path("goldens/small/philox.safetensors"));
        int headerLength = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(8, headerLength));
        foreach (JsonElement golden in goldens.RootElement.GetProperty("normals").EnumerateArray())
        {
            JsonElement offsets = header.RootElement.GetProperty(golden.GetProperty("name").GetString()!).GetProperty("data_offsets");
            ReadOnlySpan<double> expected = MemoryMarshal.Cast<byte, double>(
                file.AsSpan(8 + headerLength)[offsets[0].GetInt32()..offsets[1].GetInt32()]);
            double[] actual = new double[expected.Length];
            new PhiloxGenerator(
                ulong.Parse(golden.GetProperty("seed").GetString()!), golden.GetProperty("stream").GetUInt32(),
                golden.GetProperty("step").GetUInt32())
                .FillNormals(actual);
            for (int i = 0; i < actual.Length; i++)
            {
                // Both sides are float64; only the last bits of log, sin and cos may differ.
                Assert.Equal(expected[i], actual[i], 1e-13);
            }
        }
    }

    [Fact]
    public void Normals_do_not_depend_on_where_the_filling_starts()
    {
        PhiloxGenerator generator = new(7, 3, 11);
        double[] whole = new double[23];
        generator.FillNormals(whole);
        for (int first = 0; first < whole.Length; first++)
        {
            double[] part = new double[whole.Length - first];
            generator.FillNormals(part, (ulong)first);
            Assert.Equal(whole[first..], part);
        }
    }

    [Fact]
    public void Permutation_holds_every_number_once_and_is_uniform()
    {
        int[] counts = new int[24];
        const int draws = 24_000;
        for (uint step = 0; step < draws; step++)
        {
            int[] order = new PhiloxGenerator(5, 1, step).Permutation(4);
            Assert.Equal([0, 1, 2, 3], order.Order());
            counts[(order[0] * 6) + (order[1] - (order[1] > order[0] ? 1 : 0)) * 2 + (order[2] > order[3] ? 1 : 0)]++;
        }

        // Chi-square with 23 degrees of freedom stays below 49.7 with probability 0.999.
        double expected = draws / 24.0;
        Assert.True(counts.Sum(count => (count - expected) * (count - expected) / expected) < 49.7);
    }

    private static uint[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(element => element.GetUInt32())];
}
