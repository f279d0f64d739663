using Engine.Devices;
using Engine.Optim.Sharpness;

namespace Engine.Optim.Tests.Sharpness;

/// <summary>1/2 c x^2 + q x^4 of one number.</summary>
internal sealed class QuarticSurface(Device device, double curvature, double quartic, float point) : ILossSurface, IDisposable
{
    public VectorSpace Space { get; } = new(device, [new SurfaceTensor("x", "x", 0, 1, 1, true, 0)]);

    public SurfaceVector Point => field ??= Start();

    public double Loss() => X * X * ((0.5 * curvature) + (quartic * X * X));

    public double Gradient(SurfaceVector gradient)
    {
        gradient.View.Write([(float)(X * (curvature + (4 * quartic * X * X)))]);
        return Loss();
    }

    public void Dispose()
    {
        Point.Dispose();
        Space.Dispose();
    }

    private double X => Point.View.ToArray()[0];

    private SurfaceVector Start()
    {
        SurfaceVector start = Space.Create();
        start.View.Write([point]);
        return start;
    }
}
