using System.Text.Json;
using Engine.Common;
using Engine.Optim;
using Engine.Optim.Schedules;
using Engine.Tests;

namespace Engine.Optim.Tests;

public sealed class LearningRateScheduleTests
{
    private static readonly Dictionary<string, ScheduleKind> Kinds = new()
    {
        ["constant"] = ScheduleKind.Constant,
        ["constant_with_warmup"] = ScheduleKind.ConstantWithWarmup,
        ["linear"] = ScheduleKind.Linear,
        ["cosine"] = ScheduleKind.Cosine,
        ["polynomial"] = ScheduleKind.Polynomial,
        ["inverse_sqrt"] = ScheduleKind.InverseSqrt,
        ["cosine_with_restarts"] = ScheduleKind.CosineWithRestarts,
    };

    [Fact]
    public void Every_schedule_equals_Transformers_step_by_step()
    {
        using JsonDocument goldens = JsonDocument.Parse(File.ReadAllBytes(SharedFiles.Path("goldens/small/schedules.json")));
        foreach (JsonElement golden in goldens.RootElement.EnumerateArray())
        {
            string name = golden.GetProperty("lr_scheduler_type").GetString()!;
            double peak = golden.GetProperty("learning_rate").GetDouble();
            LearningRateSchedule schedule =
                new(Kinds[name], peak, golden.GetProperty("steps").GetInt32(), golden.GetProperty("warmup_steps").GetInt32());
            int step = 0;
            foreach (JsonElement value in golden.GetProperty("values").EnumerateArray())
            {
                // The same float64 formula: only the order of a few roundings may differ.
                Assert.True(Math.Abs(schedule.RateAt(step) - value.GetDouble()) <= 1e-15 * Math.Max(1, peak), $"{name} at step {step}");
                step++;
            }
        }
    }

    [Theory]
    [InlineData(0, 0.06, 100, 6)]
    [InlineData(0, 0.06, 101, 7)]
    [InlineData(3, 0.5, 100, 3)]
    [InlineData(0, 0.0, 100, 0)]
    public void Warmup_ratio_is_rounded_up_and_yields_to_warmup_steps(int steps, double ratio, int total, int expected)
        => Assert.Equal(expected, LearningRateSchedule.ResolveWarmup(steps, ratio, total));

    [Fact]
    public void Rates_after_the_last_step_stay_at_the_end_value()
    {
        Assert.Equal(0, new LearningRateSchedule(ScheduleKind.Linear, 1e-3, 10, 2).RateAt(15));
        Assert.Equal(0, new LearningRateSchedule(ScheduleKind.CosineWithRestarts, 1e-3, 10, 2).RateAt(15));
        Assert.Equal(1e-7, new LearningRateSchedule(ScheduleKind.Polynomial, 1e-3, 10, 2).RateAt(15), 1e-20);
    }

    [Fact]
    public void Polynomial_that_would_rise_is_refused()
    {
        ConfigurationException error = Assert.Throws<ConfigurationException>(
            () => new LearningRateSchedule(ScheduleKind.Polynomial, 1e-8, 10, 0));
        Assert.Contains("lr_end", error.Message);
    }
}
