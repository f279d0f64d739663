using Engine.Devices;
using Engine.Kernels;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests.Operators;

/// <summary>What an operator cannot do without beside what its launches say that they move and compute.</summary>
public sealed class LaunchCostTests
{
    /// <summary>
    /// Several launches of an operator read its inputs again, and scratch memory between them; on these small cases that of the r x r
    /// matrices of a low rank, in pairs of numbers, is the most: 8.6 times the operator's own.
    /// </summary>
    private const double Most = 10;

    /// <summary>An operator may be given a vector of which its kernel reads some elements: the step's scalars are the longest.</summary>
    private const int Unread = sizeof(float) * StepScalars.Count;

    public static TheoryData<string> Cases => [.. OperatorTable.All.Select(problem => problem.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Launches_compute_the_operators_products_and_move_at_least_what_it_needs(string name)
    {
        using Device device = TestDevices.Open("cpu-managed");
        foreach (bool fuse in (bool[])[false, true])
        {
            using var run = new OperatorRun(device, OperatorTable.Find(name), fuse);
            Assert.Equal(run.Launches, run.Work.Count);
            foreach (IGrouping<string, ProfiledWork> of in run.Work.GroupBy(work => work.Operator))
            {
                WorkCost needed = of.Aggregate(default(WorkCost), (sum, work) => sum + work.NodeCost),
                    told = of.Aggregate(default(WorkCost), (sum, work) => sum + work.KernelCost);
                Assert.Equal((of.Key, needed.Operations), (of.Key, told.Operations));
                Assert.True(
                    told.Bytes >= needed.Bytes - Unread && told.Bytes <= Most * needed.Bytes,
                    $"{of.Key} needs {needed.Bytes} bytes, and its kernels move {told.Bytes}: "
                        + string.Join(", ", of.Select(work => $"{work.Kernel} {work.KernelCost.Bytes}")));
            }
        }
    }
}
