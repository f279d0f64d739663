namespace Engine.Training.Running;

/// <summary>Tokens per second and time per step, smoothed over the last steps.</summary>
internal sealed class Pace
{
    private const int Window = 20;

    private readonly Queue<(long Tokens, TimeSpan Time)> steps = new();

    public double TokensPerSecond
    {
        get
        {
            double seconds = Seconds;
            return seconds > 0 ? steps.Sum(step => step.Tokens) / seconds : 0;
        }
    }

    private double Seconds => steps.Sum(step => step.Time.TotalSeconds);

    public void Add(long tokens, TimeSpan time)
    {
        steps.Enqueue((tokens, time));
        if (steps.Count > Window)
        {
            steps.Dequeue();
        }
    }

    /// <summary>Time of so many steps at this pace.</summary>
    public TimeSpan TimeFor(long count) => steps.Count == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(count * Seconds / steps.Count);
}
