namespace Engine.Kernels;

/// <summary>The addresses attention works on. Gradients are null in the forward pass.</summary>
internal unsafe struct AttentionOperands
{
    public float* Q;
    public float* K;
    public float* V;
    public int* QueryStart;
    public int* KeyStart;
    public int* QueryPosition;
    public float* Output;
    public float* LogSumExp;
    public uint* Random;
    public float* Bias;
    public int* BiasPosition;
    public float* OutputGradient;
    public float* QGradient;
    public float* KGradient;
    public float* VGradient;
    public float* BiasGradient;

    public static AttentionOperands Of(AttentionViews views) => new()
    {
        Q = CpuDevice.Pointer(views.Q),
        K = CpuDevice.Pointer(views.K),
        V = CpuDevice.Pointer(views.V),
        QueryStart = CpuDevice.Pointer(views.QueryStart),
        KeyStart = CpuDevice.Pointer(views.KeyStart),
        QueryPosition = CpuDevice.Pointer(views.QueryPosition),
        Output = CpuDevice.Pointer(views.Output),
        LogSumExp = CpuDevice.Pointer(views.LogSumExp),
        Random = views.Random is { } random ? CpuDevice.Pointer(random) : null,
        Bias = views.Bias is { } bias ? CpuDevice.Pointer(bias.Values) : null,
        BiasPosition = views.Bias is { } rows ? CpuDevice.Pointer(rows.Position) : null,
    };

    public static AttentionOperands Of(AttentionViews views, AttentionGradientViews gradients) => Of(views) with
    {
        OutputGradient = CpuDevice.Pointer(gradients.OutputGradient),
        QGradient = CpuDevice.Pointer(gradients.Dq),
        KGradient = CpuDevice.Pointer(gradients.Dk),
        VGradient = CpuDevice.Pointer(gradients.Dv),
    };
}
