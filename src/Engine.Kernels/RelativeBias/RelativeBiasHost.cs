using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Rows of the bias, looked up distance by distance.</summary>
internal sealed unsafe class RelativeBiasHost<TStored>(
    CpuDevice device, int heads, int queries, int keys, int middle, BufferView<TStored> table, BufferView<int> buckets,
    BufferView<float> bias) : RowHost(device, checked(heads * queries), keys)
    where TStored : unmanaged
{
    private readonly TStored* table = CpuDevice.Pointer(table);
    private readonly int* buckets = CpuDevice.Pointer(buckets);
    private readonly float* bias = CpuDevice.Pointer(bias);

    public override string Name => "RelativeBias_Forward";

    protected override void Row(int row, int worker)
    {
        int head = row / queries;
        int* nearest = buckets + middle - (row % queries);
        float* to = bias + ((long)row * Columns);
        for (int key = 0; key < Columns; key++)
        {
            to[key] = Stored.Load(table + ((long)nearest[key] * heads) + head);
        }
    }
}

/// <summary>A head is a piece, gone through row by row: runs of one bucket are added up, then added to it.</summary>
internal sealed unsafe class RelativeBiasGradientHost(
    CpuDevice device, int heads, int queries, int keys, int middle, BufferView<int> buckets, BufferView<float> dBias,
    BufferView<float> dTable) : HostLaunch(device), IHostBody
{
    private readonly int* buckets = CpuDevice.Pointer(buckets);
    private readonly float* dBias = CpuDevice.Pointer(dBias);
    private readonly float* dTable = CpuDevice.Pointer(dTable);

    public override string Name => "RelativeBias_Gradient";

    void IHostBody.Run(int head, int worker)
    {
        for (int query = 0; query < queries; query++)
        {
            int* nearest = buckets + middle - query;
            float* row = dBias + ((((long)head * queries) + query) * keys);
            float run = 0f;
            for (int key = 0; key < keys; key++)
            {
                run += row[key];
                if (key + 1 == keys || nearest[key + 1] != nearest[key])
                {
                    dTable[((long)nearest[key] * heads) + head] += run;
                    run = 0f;
                }
            }
        }
    }

    protected override void Execute(HostThreads threads) => threads.For(heads, this);
}
