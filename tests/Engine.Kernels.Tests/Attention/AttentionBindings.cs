using Engine.Devices;

namespace Engine.Kernels.Tests;

/// <summary>How the tests bind attention's forms.</summary>
public sealed partial class AttentionTests
{
    private static Launch ForwardOfMatrixUnits(
        Device device, AttentionShape shape, BufferView<float> q, BufferView<float> k, BufferView<float> v, BufferView<int> queryStart,
        BufferView<int> keyStart, BufferView<int> queryPosition, BufferView<float> output, BufferView<float> logSumExp,
        BufferView<uint>? random, AttentionBias? bias)
        =>
            AttentionForwardMatrixUnits.Bind(
                device, shape, new AttentionViews(q, k, v, queryStart, keyStart, queryPosition, output, logSumExp, random, bias));

    private static Launch[] BackwardOfMatrixUnits(
        Device device, AttentionShape shape, BufferView<float> q, BufferView<float> k, BufferView<float> v, BufferView<int> queryStart,
        BufferView<int> keyStart, BufferView<int> queryPosition, BufferView<float> output, BufferView<float> logSumExp,
        BufferView<float> outputGradient, BufferView<float> dq, BufferView<float> dk, BufferView<float> dv, BufferView<float> workspace,
        BufferView<uint>? random, AttentionBias? bias)
        => AttentionBackwardMatrixUnits.Bind(
            device, shape, new AttentionViews(q, k, v, queryStart, keyStart, queryPosition, output, logSumExp, random, bias),
            new AttentionGradientViews(outputGradient, dq, dk, dv), workspace);

    private static Bound Bind(
        KernelRun run, AttentionCase problem, BindForward forward, BindBackward backward, bool accumulatesBias = false)
        => Bind(run, problem, problem.Shape, forward, backward, accumulatesBias);

    private static Bound Bind(
        KernelRun run, AttentionCase problem, AttentionShape shape, BindForward forward, BindBackward backward,
        bool accumulatesBias = false)
    {
        BufferView<float> q = run.Put(problem.Q), k = run.Put(problem.K), v = run.Put(problem.V),
            gradient = run.Put(problem.OutputGradient);
        BufferView<int> queryStart = run.Put(problem.QueryStart), keyStart = run.Put(problem.KeyStart),
            position = run.Put(problem.QueryPosition);
        BufferView<float> output = run.Output(problem.Q.Length), lse = run.Output(problem.Shape.QueryTokens * problem.Shape.Heads);
        BufferView<float> dq = run.Output(problem.Q.Length), dk = run.Output(problem.K.Length), dv = run.Output(problem.V.Length);
        BufferView<uint> random = run.RandomState(AttentionCase.Seed, AttentionCase.Step);
        long dots = Attention.BackwardWorkspace(run.Device, shape);
        BufferView<float> workspace = run.Output(dots), dBias = run.Output(problem.Bias.Length);
        AttentionBias? bias = shape.BiasQueries > 0 ? new(run.Put(problem.Bias), run.Put(problem.BiasPosition)) : null;
        Launch[] launches =
        [
            forward(run.Device, shape, q, k, v, queryStart, keyStart, position, output, lse, random, bias),
            .. backward(
                run.Device, shape, q, k, v, queryStart, keyStart, position, output, lse, gradient, dq, dk, dv, workspace, random, bias),
            .. bias is { } added
                ? Attention.BiasGradient(
                    run.Device, shape, q, k, v, queryStart, keyStart, position, output, lse, gradient, dBias, accumulatesBias,
                    run.Output(dots), random, added)
                : [],
        ];
        return new Bound(launches, output, lse, dq, dk, dv, dBias);
    }

    private sealed record Result(float[] Output, float[] LogSumExp, float[] Dq, float[] Dk, float[] Dv, float[] DBias);

    private sealed record Bound(
        Launch[] Launches, BufferView<float> Output, BufferView<float> LogSumExp, BufferView<float> Dq, BufferView<float> Dk,
        BufferView<float> Dv, BufferView<float> DBias)
    {
        public Result Run(KernelRun run)
        {
            run.Run(Launches);
            return new Result(Output.ToArray(), LogSumExp.ToArray(), Dq.ToArray(), Dk.ToArray(), Dv.ToArray(), DBias.ToArray());
        }
    }

    private delegate Launch BindForward(
        Device device, AttentionShape shape, BufferView<float> q, BufferView<float> k, BufferView<float> v, BufferView<int> queryStart,
        BufferView<int> keyStart, BufferView<int> queryPosition, BufferView<float> output, BufferView<float> logSumExp,
        BufferView<uint>? random, AttentionBias? bias);

    private delegate Launch[] BindBackward(
        Device device, AttentionShape shape, BufferView<float> q, BufferView<float> k, BufferView<float> v, BufferView<int> queryStart,
        BufferView<int> keyStart, BufferView<int> queryPosition, BufferView<float> output, BufferView<float> logSumExp,
        BufferView<float> outputGradient, BufferView<float> dq, BufferView<float> dk, BufferView<float> dv, BufferView<float> workspace,
        BufferView<uint>? random, AttentionBias? bias);
}
