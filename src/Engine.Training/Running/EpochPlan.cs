using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Optim;
using Engine.Optim.Schedules;
using Engine.Training.Configuration;

namespace Engine.Training.Running;

/// <summary>Passes over all rows.</summary>
internal sealed class EpochPlan : StepPlan
{
    private readonly BatchSource train;
    private readonly LearningRateSchedule schedule;

    public EpochPlan(RunConfiguration run, RunData data)
    {
        train = data.Train;
        Length = RunLength.Of(run, train);
        EvaluationShapes = data.Validation?.Shapes ?? [];
        schedule = run.CreateSchedule(Length.TotalSteps);
    }

    public override RunLength Length { get; }

    public override IReadOnlyCollection<BatchShape> EvaluationShapes { get; }

    public override IReadOnlyCollection<BatchShape> TrainingShapes(Architecture architecture, bool bySample) =>
        train.Shapes(architecture, Length.TotalMicroBatches, bySample);

    public override double RateAt(long step) => schedule.RateAt((int)step);

    public override StepReport Take(TrainingSession session, long step, CancellationToken cancellationToken) =>
        session.Step(train.Step(Length, step), RateAt(step), train.Origin);
}
