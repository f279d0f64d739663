using Engine.Devices;

namespace Engine.Kernels.Tests;

public class EmbeddingsTests
{
    private const int Vocabulary = 11;

    public static TheoryData<string, (int Tokens, int Columns)> Shapes() => TestDevices.With((1, 1), (7, 33), (40, 16), (300, 130));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_adds_the_tables_rows(string name, (int Tokens, int Columns) shape)
    {
        (int tokens, int columns) = shape;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] word = Numbers.Values(1, Vocabulary * columns), position = Numbers.Values(2, 5 * columns), type = Numbers.Values(3, 2 * columns);
        int[] ids = Numbers.Indices(4, tokens, Vocabulary), positions = Numbers.Indices(5, tokens, 5), types = Numbers.Indices(6, tokens, 2);
        BufferView<float> all = run.Output(tokens * columns), two = run.Output(tokens * columns), one = run.Output(tokens * columns);
        BufferView<float> table = run.Put(word);
        BufferView<int> index = run.Put(ids);
        run.Run(
            Embeddings.Forward(run.Device, tokens, columns, table, index, run.Put(position), run.Put(positions), run.Put(type), run.Put(types), all),
            Embeddings.Forward(run.Device, tokens, columns, table, index, null, null, run.Put(type), run.Put(types), two),
            Embeddings.Forward(run.Device, tokens, columns, table, index, null, null, null, null, one));

        double Word(int i) => word[(ids[i / columns] * columns) + (i % columns)];
        double Position(int i) => position[(positions[i / columns] * columns) + (i % columns)];
        double Type(int i) => type[(types[i / columns] * columns) + (i % columns)];
        int[] elements = [.. Enumerable.Range(0, tokens * columns)];
        Numbers.Near([.. elements.Select(i => Word(i) + Position(i) + Type(i))], all.ToArray(), 2e-7, 2e-7);
        Numbers.Near([.. elements.Select(i => Word(i) + Type(i))], two.ToArray(), 1e-7, 1e-7);
        Numbers.Near([.. elements.Select(Word)], one.ToArray(), 0, 0);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gradient_adds_tokens_in_their_order_and_skips_padding(string name, (int Tokens, int Columns) shape)
    {
        (int tokens, int columns) = shape;
        foreach (int padding in new[] { -1, 3 })
        {
            using var run = new KernelRun(TestDevices.Open(name));
            float[] dy = Numbers.Values(1, tokens * columns), start = Numbers.Values(2, Vocabulary * columns);
            int[] ids = Numbers.Indices(3, tokens, Vocabulary);
            BufferView<float> dTable = run.Put(start);
            run.Run(Embeddings.Gradient(run.Device, tokens, columns, Vocabulary, padding, run.Put(ids), run.Put(dy), dTable));

            var expected = (float[])start.Clone();
            for (int i = 0; i < tokens * columns; i++)
            {
                if (ids[i / columns] != padding)
                {
                    expected[(ids[i / columns] * columns) + (i % columns)] += dy[i];
                }
            }

            Assert.Equal(expected, dTable.ToArray());
        }
    }

    [Fact]
    public void A_table_without_its_indices_is_refused()
    {
        using var run = new KernelRun(TestDevices.Open("cpu"));
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => Embeddings.Forward(run.Device, 1, 1, run.Put(1f), run.Put(0), run.Put(1f), null, null, null, run.Output(1)));
        Assert.Contains("position", error.Message, StringComparison.Ordinal);
    }
}
