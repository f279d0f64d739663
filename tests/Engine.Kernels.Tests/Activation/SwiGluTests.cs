using Engine.Devices;

namespace Engine.Kernels.Tests;

public class SwiGluTests
{
    public static TheoryData<string, int> Counts() => TestDevices.With(1, 15, 16, 333, 40_000);

    [Theory]
    [MemberData(nameof(Counts))]
    public void Value_and_gradients_agree_with_float64(string name, int count)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        float[] gate = Numbers.Values(1, count, 12), up = Numbers.Values(2, count, 2), dy = Numbers.Values(3, count);
        BufferView<float> gateView = run.Put(gate), upView = run.Put(up), y = run.Output(count), dGate = run.Output(count),
            dUp = run.Output(count);
        run.Run(
            SwiGlu.Forward(run.Device, count, gateView, upView, y),
            SwiGlu.Backward(run.Device, count, gateView, upView, run.Put(dy), dGate, dUp));

        // e^-x errs by 1.5e-7 of itself, and at -12 nothing dampens that; derivatives cancel near their zero at -1.28.
        double[] logistic = [.. gate.Select(x => 1 / (1 + Math.Exp(-(double)x)))];
        Numbers.Near([.. gate.Select((x, i) => x * logistic[i] * up[i])], y.ToArray(), 1e-6, 1e-30);
        Numbers.Near([.. gate.Select((x, i) => x * logistic[i] * dy[i])], dUp.ToArray(), 1e-6, 1e-30);
        Numbers.Near(
            [.. gate.Select((x, i) => (double)dy[i] * up[i] * logistic[i] * (1 + (x * (1 - logistic[i]))))], dGate.ToArray(), 1e-6, 3e-7);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void A_gate_far_out_is_open_or_shut(string name)
    {
        float[] gate = [1e30f, 200, 90, -90, -200, -1e30f];
        using var run = new KernelRun(TestDevices.Open(name));
        float[] ones = [.. Enumerable.Repeat(1f, gate.Length)];
        BufferView<float> gateView = run.Put(gate), upView = run.Put(ones), y = run.Output(gate.Length), dGate = run.Output(gate.Length),
            dUp = run.Output(gate.Length);
        run.Run(
            SwiGlu.Forward(run.Device, gate.Length, gateView, upView, y),
            SwiGlu.Backward(run.Device, gate.Length, gateView, upView, run.Put(ones), dGate, dUp));
        double[] open = [1e30f, 200, 90, 0, 0, 0];
        Numbers.Near(open, y.ToArray(), 1e-6, 1e-30);
        Numbers.Near(open, dUp.ToArray(), 1e-6, 1e-30);
        Numbers.Near([1, 1, 1, 0, 0, 0], dGate.ToArray(), 1e-6, 1e-30);
    }

    /// <summary>The planner may put either gradient where an input was.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Results_may_take_the_place_of_inputs(string name)
    {
        const int Count = 77;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] gate = Numbers.Values(1, Count, 3), up = Numbers.Values(2, Count), dy = Numbers.Values(3, Count);
        BufferView<float> dGate = run.Output(Count), dUp = run.Output(Count), dyView = run.Put(dy), upView = run.Put(up),
            gateView = run.Put(gate), y = run.Output(Count);
        run.Run(
            SwiGlu.Forward(run.Device, Count, gateView, upView, y),
            SwiGlu.Backward(run.Device, Count, gateView, upView, dyView, dGate, dUp),
            SwiGlu.Backward(run.Device, Count, gateView, upView, dyView, dyView, upView));
        Assert.Equal(dGate.ToArray(), dyView.ToArray());
        Assert.Equal(dUp.ToArray(), upView.ToArray());
        BufferView<float> upAgain = run.Put(up);
        run.Run(SwiGlu.Forward(run.Device, Count, gateView, upAgain, gateView));
        Assert.Equal(y.ToArray(), gateView.ToArray());
    }
}
