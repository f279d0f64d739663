using Engine.Devices;
using Engine.Graph.Passes;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests;

/// <summary>Replays that serve some of the trainable tensors.</summary>
public sealed class ActiveSetTests
{
    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_partial_replay_computes_the_active_gradients_to_the_bit_and_no_others(string deviceName)
    {
        using Device device = TestDevices.Open(deviceName);
        foreach (string wanted in (string[])["0.query.weight", "0.inner.bias", "1.key.weight", "1.outer.weight", "head.classifier.weight"])
        {
            using EncoderGraph encoder = Trained();
            Variable[] tensors = Tensors(encoder);
            ActiveSet active = Only(tensors, wanted);
            (_, _, Dictionary<string, float[]> whole, _) = encoder.Run(device, plan =>
            {
                Assert.True(plan.CountLaunches(active) < plan.Launches);
                foreach ((_, Variable gradient) in encoder.Gradients)
                {
                    gradient.View<float>().Write(new float[gradient.Shape.Count]);
                }

                plan.Replay(active);
            }, tensors);
            Numbers.RequireComputed(whole[wanted]);
            foreach ((string name, Variable gradient) in encoder.Gradients)
            {
                float[] values = gradient.View<float>().ToArray();
                Assert.Equal(name == wanted ? whole[name] : new float[values.Length], values);
            }
        }
    }

    [Fact]
    public void Nothing_below_the_lowest_active_tensor_runs()
    {
        using Device device = TestDevices.Open("cpu");
        using EncoderGraph encoder = Trained();
        Variable[] tensors = Tensors(encoder);
        var counts = new List<int>();
        encoder.Run(device, plan =>
        {
            foreach (string only in (string[])["head.classifier.weight", "1.outer.weight", "1.query.weight", "0.query.weight"])
            {
                counts.Add(plan.CountLaunches(Only(tensors, only)));
            }

            counts.Add(plan.Launches);
        }, tensors);
        Assert.Equal(counts.Order(), counts);
        Assert.Equal(counts.Distinct(), counts);
    }

    [Fact]
    public void A_partial_replay_allocates_nothing_and_a_strange_set_is_refused()
    {
        using Device device = TestDevices.Open("cpu", threads: 1);
        using EncoderGraph encoder = Trained();
        Variable[] tensors = Tensors(encoder);
        var active = new ActiveSet(tensors) { [0] = false };
        long bytes = -1;
        encoder.Run(device, plan =>
        {
            plan.Replay(active);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 20; i++)
            {
                active[i % tensors.Length] = !active[i % tensors.Length];
                plan.Replay(active);
            }

            bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.Throws<ArgumentException>(() => plan.Replay(new ActiveSet([.. tensors])));
        }, tensors);
        Assert.Equal(0, bytes);
    }

    private static Variable[] Tensors(EncoderGraph encoder) => [.. encoder.Gradients.Select(pair => encoder.Weight(pair.Name))];

    private static ActiveSet Only(Variable[] tensors, string name)
    {
        var active = new ActiveSet(tensors);
        active.Clear();
        active[Array.FindIndex(tensors, tensor => tensor.Name == name)] = true;
        return active;
    }

    private static EncoderGraph Trained()
    {
        var encoder = new EncoderGraph(_ => true);
        GradientBuilder.Differentiate(encoder.Graph, encoder.Loss);
        FusionPass.Run(encoder.Graph);
        return encoder;
    }
}
