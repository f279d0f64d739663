using Engine.Devices;

namespace Engine.Kernels.Tests;

public class EmbeddingsTests
{
    private const int Vocabulary = 11;

    public static TheoryData<string, (int Tokens, int Columns)> Shapes() => TestDevices.With((1, 1), (7, 33), (40, 16), (300, 130));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_writes_or_adds_the_tables_rows(string name, (int Tokens, int Columns) shape)
    {
        foreach (ElementType type in StoredWeights.Types)
        {
            (int tokens, int columns) = shape;
            using var run = new KernelRun(TestDevices.Open(name));
            float[] word = StoredWeights.Values(type, 1, Vocabulary * columns), position = StoredWeights.Values(type, 2, 5 * columns);
            int[] ids = Numbers.Indices(4, tokens, Vocabulary), positions = Numbers.Indices(5, tokens, 5);
            BufferView<float> one = run.Output(tokens * columns), two = run.Output(tokens * columns);
            WeightView table = run.PutStored(type, word);
            BufferView<int> index = run.Put(ids);
            run.Run(
                Embeddings.Forward(run.Device, tokens, columns, table, index, one),
                Embeddings.Forward(run.Device, tokens, columns, table, index, two),
                Embeddings.Forward(run.Device, tokens, columns, run.PutStored(type, position), run.Put(positions), two, accumulate: true));

            float Word(int i) => word[(ids[i / columns] * columns) + (i % columns)];
            float Position(int i) => position[(positions[i / columns] * columns) + (i % columns)];
            int[] elements = [.. Enumerable.Range(0, tokens * columns)];
            Assert.Equal([.. elements.Select(Word)], one.ToArray());
            Assert.Equal([.. elements.Select(i => Word(i) + Position(i))], two.ToArray());
        }
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
}
