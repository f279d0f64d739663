using Engine.Devices;
using Engine.Devices.Cuda;
using Engine.Kernels;

namespace Engine.Cuda.Tests;

/// <summary>Products by cublasLt in recordings, when something fails, and when what they stand on is gone.</summary>
public sealed class ProductLifetimeTests : FakeDriverTests
{
    [FakeDriverFact]
    public void A_recording_holds_every_node_of_a_product_and_leaves_them_out_together()
    {
        using CudaDevice device = FakeDriver.OpenVendor();

        // With rounding before, a sum in parts and an activation after it: four nodes.
        using var operands = new ProductCase(
            device, new MatMulShape(20, 24, 300, MatMulLayout.NT) { Products = ElementType.BFloat16, Activation = ActivationKind.Tanh },
            bias: true);
        using Launch product = operands.Bind(), other = device.Bind(TestKernels.Call(operands.C, operands.C, 1f));
        FakeDriver.Reset();
        using Recording recording = device.Record([other, product, other]);
        Assert.Contains("instantiate 6", FakeDriver.Log);
        Assert.DoesNotContain(FakeDriver.Log, line => line.StartsWith("launch", StringComparison.Ordinal));
        string[] whole = ["Tests_ScaledAdd", "MatMulVendor_Round", "memset", "cublasLt", "MatMulVendor_Finish", "Tests_ScaledAdd"];
        Assert.Equal(whole, Replayed());
        recording.Select(1, false);
        Assert.Equal(["Tests_ScaledAdd", "Tests_ScaledAdd"], Replayed());
        recording.Select(0, false);
        recording.Select(1, true);
        Assert.Equal(whole[1..], Replayed());

        string[] Replayed()
        {
            FakeDriver.Reset();
            recording.Replay();
            return [.. FakeDriver.Log.Where(line => line.StartsWith("node", StringComparison.Ordinal))
                .Select(line => line.Split(' ')[1].Replace("MatMulVendor_Round_BFloat16", "MatMulVendor_Round", StringComparison.Ordinal))];
        }
    }

    [FakeDriverFact]
    public void A_recorded_product_computes_what_one_by_itself_does()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        var shape = new MatMulShape(20, 24, 300, MatMulLayout.TN) { Beta = 1f };
        using var operands = new ProductCase(device, shape, bias: true);
        float[] expected = operands.Reference(shape, residual: false).Result;
        using Launch product = operands.Bind();
        using Recording recording = device.Record([product]);
        recording.Replay();
        ProductCase.AssertClose(expected, operands.C.ToArray(), "recorded");
    }

    [FakeDriverFact]
    public void Enqueuing_and_replaying_products_allocate_nothing_managed()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        using var operands = new ProductCase(device, new MatMulShape(20, 24, 32, MatMulLayout.NT) { Activation = ActivationKind.Tanh });
        using Launch product = operands.Bind();
        using Recording recording = device.Record([product]);
        Run(10);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(100);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run(int times)
        {
            for (int i = 0; i < times; i++)
            {
                product.Enqueue();
                recording.Select(0, i % 2 == 0);
                recording.Replay();
            }
        }
    }

    [FakeDriverFact]
    public void A_capture_that_fails_is_ended_and_leaves_no_graph()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        using var operands = new ProductCase(device, new MatMulShape(20, 24, 300, MatMulLayout.NT), bias: true);
        using Launch product = operands.Bind();
        FakeDriver.SetProducts("broken", 1);
        var error = Assert.Throws<DeviceException>(() => device.Record([product, product]));
        Assert.Contains(
            "cublasLtMatmul failed with CUBLAS_STATUS_EXECUTION_FAILED (13, words of the fake library). "
                + "The product is cublasLt_f32, 20 x 24.", error.Message);
        Assert.Equal(0, FakeDriver.Count("graphs"));
        FakeDriver.SetProducts("broken", 0);
        FakeDriver.Set("captures", 0);
        Assert.Contains("CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", Assert.Throws<DeviceException>(() => device.Record([product])).Message);
    }

    [FakeDriverFact]
    public void A_product_whose_memory_is_gone_is_refused_with_its_owner()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        DeviceBuffer a = device.Allocate(6400, "dropped");
        using DeviceBuffer b = device.Allocate(6400, "b"), c = device.Allocate(6400, "c");
        using Launch product =
            MatMul.Bind(device, new MatMulShape(40, 40, 40, MatMulLayout.NT), a.View<float>(), b.View<float>(), c.View<float>());
        using Recording recording = device.Record([product]);
        a.Dispose();
        foreach (Action run in (Action[])[product.Enqueue, recording.Replay])
        {
            string message = Assert.Throws<ObjectDisposedException>(run).Message;
            Assert.Contains("cublasLt_f32", message);
            Assert.Contains("dropped", message);
        }
    }

    [FakeDriverFact]
    public void Memory_of_another_device_or_that_is_gone_is_refused_when_a_product_is_bound()
    {
        using CudaDevice device = FakeDriver.OpenVendor(), other = FakeDriver.OpenVendor();
        using DeviceBuffer a = device.Allocate(6400, "a"), b = other.Allocate(6400, "b");
        Assert.Contains("cublasLt_f32 is bound to a buffer of cuda:0", Assert.Throws<ArgumentException>(() => Bind(a, b)).Message);
        DeviceBuffer gone = device.Allocate(6400, "gone");
        gone.Dispose();
        Assert.Contains("gone", Assert.Throws<ObjectDisposedException>(() => Bind(a, gone)).Message);

        void Bind(DeviceBuffer left, DeviceBuffer right) =>
            MatMul.Bind(device, new MatMulShape(40, 40, 40, MatMulLayout.NT), left.View<float>(), right.View<float>(), left.View<float>());
    }

    [FakeDriverFact]
    public void The_handle_and_its_memory_live_as_long_as_the_device_and_products_may_outlive_it()
    {
        CudaDevice device = FakeDriver.OpenVendor(), other = FakeDriver.OpenVendor();
        Assert.Equal(2, FakeDriver.Count("handles"));
        Assert.Equal(32 << 20, device.Memory.ByOwner()["cublasLt"]);
        var operands = new ProductCase(device, new MatMulShape(20, 24, 32, MatMulLayout.NT));
        Launch product = operands.Bind();
        Assert.Equal((1, 4), (FakeDriver.Count("products"), FakeDriver.Count("layouts")));
        device.Dispose();
        device.Dispose();
        Assert.Equal(1, FakeDriver.Count("handles"));
        Assert.Throws<ObjectDisposedException>(product.Enqueue);
        product.Dispose();
        Assert.Equal((0, 0, 0), (FakeDriver.Count("products"), FakeDriver.Count("layouts"), FakeDriver.Count("preferences")));
        operands.Dispose();
        Assert.Equal(0, device.Memory.Current);
        other.Dispose();
    }

    [FakeDriverFact]
    public void A_card_that_is_lost_takes_the_library_along_without_another_error()
    {
        CudaDevice device = FakeDriver.OpenVendor();
        var operands = new ProductCase(device, new MatMulShape(20, 24, 32, MatMulLayout.NT));
        Launch product = operands.Bind();
        FakeDriver.Lose(700);
        Assert.Throws<DeviceLostException>(device.Synchronize);
        Assert.Throws<DeviceLostException>(product.Enqueue);
        product.Dispose();
        operands.Dispose();
        device.Dispose();
        Assert.Equal(0, device.Memory.Current);
        FakeDriver.Forget();
    }
}
