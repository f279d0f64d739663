using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Optim.Methods;
using Engine.Optim.Tests.Methods;

namespace Engine.Optim.Tests;

/// <summary>Steps over several micro-batches of unlike size against steps over one batch of the same rows.</summary>
public sealed class AccumulationTests
{
    /// <summary>Sums over the same rows in another order, in float32, through two passes.</summary>
    private const double SumOrder = 2e-5;

    private static readonly Tuning Full = new Tuning.Full();

    public static TheoryData<string> Devices => TestDevices.Names;

    public static TheoryData<string, string> Methods =>
        TestDevices.With<string>(
            ["plain", "sam", "asam", "looksam", "esam", "sl-sam", "flat-lora", "fm-lora", "efm-lora", "bi-lora", "nbar"]);

    [Theory]
    [MemberData(nameof(Methods))]
    public void Micro_batches_take_the_step_that_one_batch_of_their_rows_takes(string device, string method)
    {
        Tuning tuning = method is "plain" or "sam" or "asam" or "looksam" or "esam" or "sl-sam" ? Full : ToyRun.UndroppedAdapters;
        using var whole = new ToyRun(device, new TwoLayerModel(), tuning, Create(method));
        using var parts = new ToyRun(device, new TwoLayerModel(), tuning, Create(method));
        RaggedBatch batch = ToyRun.Batch(token => 0.3f * token);
        int last = batch.RowCount - 1;
        for (int step = 0; step < 3; step++)
        {
            // The last step of an epoch has fewer micro-batches than those before it.
            StepReport one = whole.Step(0.01, batch);
            StepReport several = parts.Session.Step(
                step < 2 ? [Rows(batch, 0..2), Rows(batch, 2..9), Rows(batch, 9..(last + 1))]
                    : [Rows(batch, 0..1), Rows(batch, 1..(last + 1))], 0.01, "test");
            Assert.Equal(one.Loss, several.Loss, SumOrder * one.Loss);
            Assert.Equal(one.GradientNorm, several.GradientNorm, SumOrder * one.GradientNorm);
            Assert.Equal((batch.RowCount, one.Tokens), (several.Labels, several.Tokens));
            Numbers.Near(whole.Gradients.Double(), parts.Gradients, 1e-4, SumOrder);
            parts.Values = whole.Values;
        }
    }

    /// <summary>
    /// The second pass is the mean over the samples that it runs. With radius 0 every loss stays, and the first of each micro-batch are
    /// taken.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Samples_that_esam_selects_count_alike_whichever_micro_batch_they_are_in(string device)
    {
        using var plain = new ToyRun(device, new TwoLayerModel(), Full, new PlainMethod());
        var halved = new EsamMethod(new() { Rho = 0, Beta = 1, Gamma = 0.5, SelectionSeed = 1 });
        using var esam = new ToyRun(device, new TwoLayerModel(), Full, halved);
        RaggedBatch batch = ToyRun.Batch(token => 0.3f * token);
        RaggedBatch small = Rows(batch, 0..3), large = Rows(batch, 3..14);
        esam.Session.Step([small, large], 0, "test");
        plain.Step(0, Rows(batch, [0, 1, 3, 4, 5, 6, 7, 8]));
        Numbers.Near(plain.Gradients.Double(), esam.Gradients, 1e-4, SumOrder);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Averaged_by_batches_a_step_is_the_mean_of_its_micro_batches(string device)
    {
        using ToyRun one = Toy(), other = Toy(), both = Toy();
        RaggedBatch batch = ToyRun.Batch(token => 0.3f * token);
        RaggedBatch small = Rows(batch, 0..3), large = Rows(batch, 3..14);
        StepReport first = one.Step(0, small), second = other.Step(0, large), together = both.Session.Step([small, large], 0, "test");
        Assert.True(Math.Abs(first.Loss - second.Loss) > 0.1 * first.Loss, "the two means are too alike to tell the rules apart");
        Assert.Equal((first.Loss + second.Loss) / 2, together.Loss, SumOrder * together.Loss);
        Numbers.Near([.. one.Gradients.Zip(other.Gradients, (a, b) => ((double)a + b) / 2)], both.Gradients, 1e-4, SumOrder);

        ToyRun Toy() => new(device, new TwoLayerModel(), Full, new PlainMethod(), loss: new LossOptions { Average = LossAverage.Batches });
    }

    /// <summary>The weighted mean divides by the weights of the whole step, not by those of a micro-batch.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void With_class_weights_and_smoothing_two_micro_batches_are_one_batch(string device)
    {
        var head = HeadKind.SequenceClassification;
        RaggedBatch batch = Labelled(head);
        int split = batch.RowCount / 3;
        using ToyRun whole = Toy(null), parts = Toy(null), unweighted = Toy([1, 1]);
        StepReport expected = whole.Step(0, batch);
        StepReport report = parts.Session.Step([Rows(batch, 0..split), Rows(batch, split..batch.RowCount)], 0, "test");
        Assert.Equal(expected.Loss, report.Loss, SumOrder * expected.Loss);
        Numbers.Near(whole.Gradients.Double(), parts.Gradients, 1e-4, SumOrder);
        Assert.True(Math.Abs(unweighted.Step(0, batch).Loss - expected.Loss) > 0.01 * expected.Loss, "the weights change nothing");

        ToyRun Toy(float[]? weights) => new(
            device, new TableModel(head: head), Full, new PlainMethod(),
            loss: new LossOptions { LabelSmoothing = 0.1, ClassWeights = weights ?? [0.25f, 4] });
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_micro_batch_without_labels_contributes_nothing(string device)
    {
        foreach (HeadKind head in (HeadKind[])[HeadKind.SequenceClassification, HeadKind.Regression])
        {
            using var alone = new ToyRun(device, new TableModel(head: head), Full, new SamMethod(new() { Rho = 0.3 }));
            using var beside = new ToyRun(device, new TableModel(head: head), Full, new SamMethod(new() { Rho = 0.3 }));
            RaggedBatch batch = Labelled(head);
            StepReport expected = alone.Step(0.01, batch);
            Assert.Equal(expected with { Tokens = 2 * expected.Tokens }, beside.Session.Step([batch, Unlabelled(batch)], 0.01, "test"));
            Assert.Equal(alone.Gradients, beside.Gradients);
            Assert.Equal(alone.Values, beside.Values);
        }
    }

    /// <summary>The moments' corrections count updates, so the step after it is a first step.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_step_without_labels_updates_nothing_and_counts_as_no_update(string device)
    {
        using var fresh = new ToyRun(device, new TableModel(head: HeadKind.SequenceClassification), Full, new PlainMethod());
        using var run = new ToyRun(device, new TableModel(head: HeadKind.SequenceClassification), Full, new PlainMethod());
        RaggedBatch batch = Labelled(HeadKind.SequenceClassification);
        float[] before = run.Values;
        StepReport skipped = run.Session.Step([Unlabelled(batch), Unlabelled(batch)], 0.01, "test");
        Assert.True(skipped.Skipped);
        Assert.True(double.IsNaN(skipped.Loss));
        Assert.Equal((0, 1, 1, 2), (skipped.Labels, run.Session.StepsTaken, run.Session.UnlabelledSteps, run.Session.MicroBatchesTaken));
        Assert.Equal(before, run.Values);
        Assert.All(run.Session.Moments.First.View<float>().ToArray(), value => Assert.Equal(0, value));
        Assert.False(run.Step(0.01, batch).Skipped);
        fresh.Step(0.01, batch);
        Assert.Equal(fresh.Values, run.Values);
    }

    private static RaggedBatch Labelled(HeadKind head) => ToyRun.Batch(token => 0.3f * token) switch
    {
        var batch when head == HeadKind.Regression => batch with { ClassLabels = null },
        var batch => batch with { Targets = null, ClassLabels = [.. ToyRun.Tokens.Select(token => token % 2)] },
    };

    private static RaggedBatch Unlabelled(RaggedBatch batch) => batch with
    {
        ClassLabels = batch.ClassLabels is null ? null : [.. batch.ClassLabels.Select(_ => RaggedBatch.IgnoredLabel)],
        Targets = batch.Targets is null ? null : [.. batch.Targets.Select(_ => float.NaN)],
    };

    private static RaggedBatch Rows(RaggedBatch batch, Range range)
    {
        (int first, int count) = range.GetOffsetAndLength(batch.RowCount);
        return Rows(batch, [.. Enumerable.Range(first, count)]);
    }

    private static RaggedBatch Rows(RaggedBatch batch, int[] rows)
    {
        RaggedBatch part = batch.RoomFor(rows.Length, rows.Length);
        batch.CopyRows(rows, part);
        return part;
    }

    /// <summary>The method with what it selects set to everything.</summary>
    private static TrainingMethod Create(string name) => (MethodCatalog.Create(name) switch
    {
        Esam method => method with { Beta = 1, Gamma = 1 },
        SlSam method => method with { SFrac = 1 },
        var method => method,
    }).CreatePlugIn();
}
