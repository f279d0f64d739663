using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>The mean of each text's rows: how sentence-transformers makes one vector of a text's hidden states; or their sum.</summary>
public static class MeanPooling
{
    /// <summary>
    /// y[i] = mean of x[rowStart[i]] ... x[rowStart[i + 1] - 1]; x [_, columns], rowStart [texts + 1] without an empty text, y [texts,
    /// columns].
    /// </summary>
    /// <param name="mean">False: the sum.</param>
    public static Launch Forward(
        Device device, int texts, int columns, BufferView<float> x, BufferView<int> rowStart, BufferView<float> y, bool mean = true)
    {
        Operand.Require(rowStart, texts + 1);
        Operand.Require(y, (long)texts * columns);
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new MeanPoolingHost(cpu, texts, columns, mean, x, rowStart, y)
            : MeanPoolingKernels.ForwardKernel.Bind(
                device, new LaunchShape(texts, LaunchShapes.RowGroup(device, columns)), x, rowStart, y, columns, mean);
    }

    /// <summary>dx = 0, then dx[t] = dy[i] / (rows of text i) for the rows t of each text; dx [rows, columns].</summary>
    /// <param name="mean">False: the sum's gradient, dy[i] itself.</param>
    public static Launch[] Backward(
        Device device, int texts, int rows, int columns, BufferView<float> dy, BufferView<int> rowStart, BufferView<float> dx,
        bool mean = true)
    {
        Operand.Require(rowStart, texts + 1);
        Operand.Require(dy, (long)texts * columns);
        var shape = new LaunchShape(texts, LaunchShapes.RowGroup(device, columns));
        return
        [
            Elementwise.Fill(device, (long)rows * columns, 0, dx),
            device is CpuDevice { Features.HostVectors: true } cpu
                ? new MeanPoolingGradientHost(cpu, texts, columns, mean, dy, rowStart, dx)
                : MeanPoolingKernels.BackwardKernel.Bind(device, shape, dy, rowStart, dx, columns, mean),
        ];
    }
}
